"""A worker's calls that report how far its attempts have got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..exceptions import LeaseLost
from .store import Store

PROGRESS_PART = 500  # attempts in one call


class ProgressStore(Store):
    """Writes the progress of a worker's attempts."""

    def report_progress(
        self, worker: str, written: Mapping[str, str], gone: Sequence[str] = ()
    ) -> None:
        """Store progress by attempt (``run,task,attempt``); delete that of the attempts ``gone``.

        ``written``: ``lane,done,total,text``. Without both, what is stored is kept for another
        hour. A round trip per 500 attempts. Raises LeaseLost.
        """
        items = list(written.items())
        for at in range(0, max(len(items), len(gone), 1), PROGRESS_PART):
            leaving = gone[at : at + PROGRESS_PART]
            flat = [text for pair in items[at : at + PROGRESS_PART] for text in pair]
            reply = self._script("report_progress", worker, len(leaving), *leaving, *flat)
            if reply[0] == b"UNKNOWN":
                raise LeaseLost(f"worker {worker} is no longer registered")
