"""What all events have in common, and what a listener is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, ClassVar, Protocol

from ..basics.log_level import LogLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. A field is None if it is unknown or does not apply.

    The documentation quotes the first paragraph of each event's docstring: when the event is
    created, and by which program.
    """

    event_name: ClassVar[str]
    """The name of the event for programs. It never changes."""
    level: ClassVar[LogLevel]
    level_on_workers: ClassVar[LogLevel | None] = None
    """The level on workers, if it is another: they run up to 40,000 tasks per second."""
    told: ClassVar[frozenset[str]] = frozenset()
    """The fields that a text line does not repeat, since the message contains them.

    The ids of runs, workers and schedulers and the number of an attempt are repeated: people
    search logs for ``run_id=…``.
    """

    def message(self) -> str:
        """Return the text of the event's line. Fields that are not in ``told`` follow it."""
        raise NotImplementedError

    def fields(self) -> dict[str, object]:
        """Return the fields that are known, by name."""
        kind = type(self)
        names, read = _SHAPES.get(kind) or _shape(kind)
        return {
            name: value for name, value in zip(names, read(self), strict=True) if value is not None
        }


class Listener(Protocol):
    """Hears events. Its methods are called from all threads that create events.

    They must not raise and must not wait: the attempt or the duty that calls them waits for them.
    """

    def wants(self, kind: type[Event], /) -> bool:
        """Return whether events of this kind need to be created. ``hear`` may get them anyway.

        Code that creates many events asks first. Executors of workers ask once, at their start.
        """

    def hear(self, event: Event, /) -> None:
        """Take note of an event that has just happened."""


# For each kind: the names of its fields, and a function that reads all of them in one call.
_SHAPES: dict[type[Event], tuple[tuple[str, ...], Callable[[Event], tuple[Any, ...]]]] = {}


def _shape(kind: type[Event]) -> tuple[tuple[str, ...], Callable[[Event], tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(kind))
    if len(names) > 1:
        read: Callable[[Event], tuple[Any, ...]] = attrgetter(*names)
    else:  # an attrgetter of one name returns no tuple
        read = lambda event: tuple(getattr(event, name) for name in names)  # noqa: E731
    _SHAPES[kind] = names, read
    return names, read


def seconds_text(length: float) -> str:
    """Return a duration as messages show it."""
    return f"{length:.2f}s" if length >= 1 else f"{length:.3f}s"


def count_text(count: int, noun: str) -> str:
    """Return a number of things as messages show it."""
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
