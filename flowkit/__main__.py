"""``python -m flowkit`` is the command ``flowkit``."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main(prog_name="flowkit")
