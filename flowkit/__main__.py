"""``python -m flowkit`` runs the command ``flowkit`` with the same module search path."""

from __future__ import annotations

import os
import sys

from .cli import main

if __name__ == "__main__":
    # `python -m` searches the working directory first, but the installed command and the daemons
    # do not. An app must not load here and fail in the worker.
    if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:
        del sys.path[0]
    main(prog_name="flowkit")
