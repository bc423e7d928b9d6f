"""How a process ended, in words: the same ones wherever a process is told of."""

from __future__ import annotations

import signal


def how_it_ended(code: int) -> str:
    """Return "exit code 3", or the name of the signal that a negative code stands for."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
