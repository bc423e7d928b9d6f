"""``python -m tests.crash_points``, from the root of the project: see ``crash_command``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent

if __name__ == "__main__":
    # As pytest does for tests: their modules find each other by name.
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    from crash_command import main

    main(prog_name="python -m tests.crash_points")
