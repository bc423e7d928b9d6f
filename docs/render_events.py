"""The table of events in docs/howto/logging.md, made from the vocabulary of ``flowkit.events``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields
from types import ModuleType

from flowkit.events import runs, schedulers, tasks, workers
from flowkit.events.event import Event


def all_events() -> Iterator[type[Event]]:
    """Yield each event, in the order in which the modules define them."""
    for module in (runs, tasks, workers, schedulers):
        yield from _events_of(module)


def _events_of(module: ModuleType) -> Iterator[type[Event]]:
    for kind in vars(module).values():
        if getattr(kind, "__module__", "") == module.__name__ and hasattr(kind, "event_name"):
            yield kind


def event_rows() -> Iterator[tuple[str, str, str, str]]:
    """Yield name, levels, fields and description of each event."""
    for kind in all_events():
        levels = filter(None, (kind.level, kind.level_on_workers))
        about = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
        yield (
            f"`{kind.event_name}`",
            ", ".join(level.name for level in levels),
            " ".join(f"`{field.name}`" for field in fields(kind)),
            " ".join(about.split()),
        )
