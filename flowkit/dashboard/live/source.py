"""What can be watched: how to read it, and what to tell of a change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ...client.documents.document import Document, to_mapping

Told = dict[str, Any]
SHARE = 20.0  # a reading may take one part in so many of a core


class Source(Protocol):
    """Something that is read again and again. ``seconds``: the least time between two readings.

    ``rest``: the next reading waits this many times as long as the last one took; 0 for a source
    that bounds what its readings cost itself.
    """

    seconds: float
    rest: float

    def read(self, before: Any) -> Any:
        """Return the state now, ``before`` itself if nothing has changed. It blocks."""

    def whole(self, state: Any) -> Told:
        """Return all of a state, for a page that knows nothing."""

    def change(self, before: Any, state: Any) -> Told:
        """Return what has changed, for a page that knows ``before``."""


class DocumentSource:
    """A document, which is told as a whole whenever it has changed. For lists."""

    rest = SHARE

    def __init__(self, make: Callable[[], Document], seconds: float = 2.0) -> None:
        self._make = make
        self.seconds = seconds

    def read(self, before: Any) -> Any:
        """Return the document, ``before`` if it is equal."""
        state = self._make()
        return before if state == before else state

    def whole(self, state: Document) -> Told:
        """Return the document."""
        return dict(to_mapping(state))

    def change(self, before: Document, state: Document) -> Told:
        """Return the document."""
        return self.whole(state)
