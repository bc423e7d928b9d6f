"""How long to wait before a process is started again: longer each time that it dies at once."""

from __future__ import annotations

import time

FIRST_PAUSE_S = 0.1


class RestartPause:
    """The pause before the next start. ``due``: when it is over (monotonic seconds)."""

    def __init__(self, longest: float, *, least: float = 0.0) -> None:
        """``longest``, ``least``: seconds. No pause begins yet."""
        self._longest = longest
        self._least = least
        self._seconds = least
        self.due = 0.0

    def lengthen(self) -> None:
        """Begin a pause twice as long as the last one, after a start that failed."""
        self._begin(min(max(FIRST_PAUSE_S, self._seconds * 2), self._longest))

    def reset(self) -> None:
        """Begin the shortest pause, after a process that worked."""
        self._begin(self._least)

    def is_over(self) -> bool:
        """Return whether the process may be started."""
        return time.monotonic() >= self.due

    def _begin(self, seconds: float) -> None:
        self._seconds = seconds
        self.due = time.monotonic() + seconds
