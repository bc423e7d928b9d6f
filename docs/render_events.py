"""The table of events in docs/howto/logging.md, made from the vocabulary of ``flowkit.events``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import fields
from types import ModuleType

from flowkit.events import attempts, programs, redis, runs, schedulers, tasks, workers
from flowkit.events.event import Event
from flowkit.events.lines import FOREIGN_LINES

Row = tuple[str, str, str, str]
# Where a reader learns more of an event than its row says, as a link from the page of the table.
READ_MORE = {
    "redis_exposed": "[Securing Redis](secure-redis.md)",
    "redis_vulnerable": "[Versions](secure-redis.md#versions)",
    "tls_unchecked": "[TLS](secure-redis.md#tls)",
    "settings_ignored": "[Settings](moving-to-redis.md#settings)",
    "shard_process_died": "[More than one Redis](shards.md)",
}


def all_events() -> Iterator[type[Event]]:
    """Yield each event, in the order in which the modules define them."""
    for module in (runs, tasks, attempts, workers, schedulers, redis, programs):
        yield from _events_of(module)


def _events_of(module: ModuleType) -> Iterator[type[Event]]:
    for kind in vars(module).values():
        if getattr(kind, "__module__", "") == module.__name__ and hasattr(kind, "event_name"):
            yield kind


def event_rows() -> Iterator[Row]:
    """Yield name, levels, fields and description of each event."""
    for kind in all_events():
        levels = filter(None, (kind.level, kind.level_on_workers))
        meaning = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
        if kind.event_name in READ_MORE:
            meaning += f" See {READ_MORE[kind.event_name]}."
        yield (
            f"`{kind.event_name}`",
            ", ".join(level.name for level in levels),
            _codes(field.name for field in fields(kind)),
            " ".join(meaning.split()),
        )


def foreign_rows() -> Iterator[Row]:
    """Yield the same of each kind of line that is no event of flowkit."""
    for line in FOREIGN_LINES:
        yield f"`{line.event_name}`", line.level, _codes(line.fields), line.meaning


def _codes(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)
