"""How a process ended, in the words that all messages use."""

from __future__ import annotations

import signal

WRONG_USAGE = 2  # exit code of a daemon for options, an app or shards that cannot work


def how_it_ended(code: int) -> str:
    """Return "exit code 3", or the name of the signal for a negative code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
