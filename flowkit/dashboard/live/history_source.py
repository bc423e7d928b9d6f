"""The history of a run as something that is watched: its latest events, then what changes.

A change tells how many events of the beginning the page drops (``drop``), how many after these are
the same (``keep``), and all that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...client.documents.document import to_mapping
from ...client.documents.make_history import history_document
from ...client.run_handle import RunHandle
from .source import SHARE, Told

MOST = 500

State = dict[str, Any]


class HistorySource:
    """The latest events of a run, or of one task. ``open_run``: returns it, or raises."""

    seconds = 2.0
    rest = SHARE

    def __init__(self, open_run: Callable[[], RunHandle], task: str | None = None) -> None:
        self._open, self._task = open_run, task
        self._handle: RunHandle | None = None

    def read(self, before: State | None) -> State:
        """Return the document of the history, ``before`` if it is equal."""
        handle = self._handle = self._handle or self._open()
        events = handle.history(self._task)
        state = dict(to_mapping(history_document(handle.run_id, events, MOST)))
        return before if before is not None and state == before else state

    def whole(self, state: State) -> Told:
        """Return the document."""
        return state

    def change(self, before: State, state: State) -> Told:
        """Return the events that are new, and which of the others stay."""
        drop, keep = common(before["items"], state["items"])
        rest = {"items": state["items"][keep:], "more": state["more"]}
        return {"drop": drop, "keep": keep, "matching": state["matching"], **rest}


def common(old: Sequence[object], new: Sequence[object]) -> tuple[int, int]:
    """Return how many old items are gone from the beginning, and how many then stay the same."""
    drop = old.index(new[0]) if new and new[0] in old else len(old)
    keep = 0
    for left, right in zip(old[drop:], new, strict=False):
        if left != right:
            break
        keep += 1
    return drop, keep
