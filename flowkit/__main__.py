"""``python -m flowkit`` is the command ``flowkit``, and finds the same modules."""

from __future__ import annotations

import os
import sys

from .cli import main

if __name__ == "__main__":
    # `python -m` searches the working directory first, the installed command and the daemons do
    # not: an app must not load here and fail in the worker.
    if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:
        del sys.path[0]
    main(prog_name="flowkit")
