"""The choice of a display: by the options of a command, and by where its output goes."""

from __future__ import annotations

import os
import sys

from ..basics.terminal import is_terminal
from .display import Display, LineDisplay


def can_redraw() -> bool:
    """Return whether a terminal of this kind can redraw lines."""
    return os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def make_display(*, quiet: bool, as_json: bool) -> Display:
    """Return the display for these options and for where the output goes."""
    if quiet:
        return Display(stdout_is_taken=as_json)
    if is_terminal(sys.stdout) and is_terminal(sys.stderr) and can_redraw():
        from .live_display import LiveDisplay

        return LiveDisplay(stdout_is_taken=as_json)
    return LineDisplay(stdout_is_taken=as_json)
