"""Values of a run for display: decoded without classes and libraries, within bounds, and cut.

What a value says is not trusted: it may be a bomb, or name classes that must not be built. So its
size is read first, and only a small one is read at all; see ``codec/inert.py`` for the decoding.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..basics.redaction import MASK, Redaction
from ..codec.describe import describe
from ..codec.inert import Record, Undecoded
from ..codec.packing import BrokenValue, unpack
from ..codec.plain import plain
from ..codec.provenance import Provenance
from ..core.states import TaskState
from ..exceptions import FlowkitError, UntrustedValue
from ..protocol.client_store import ClientStore
from ..protocol.decoding import PART
from .run_results import read_verified, refuse_dropped
from .run_shape import RunShape


class Room(NamedTuple):
    """How much of a value is shown. ``size``: bytes of a value that is read at all.

    ``secrets``: what is hidden before anything is cut.
    """

    size: int
    items: int
    characters: int
    depth: int = 20
    secrets: Redaction = Redaction()


SMALL = Room(64 * 1024, 100, 2_000)
LARGE = Room(256 * 1024, 1_000, 20_000)
WHOLE = Room(1024 * 1024, 10**9, 10**9, 10**9)  # for a file; decoded, it takes up to 100 MB
MOST_VALUES = 20  # of the items of a mapped task
TOO_LARGE = "It is too large to be shown here."


@dataclass(frozen=True, slots=True)
class Preview:
    """A value for display.

    ``type``: of what class it is, "" if it was not read. ``size``: bytes as it is stored.
    ``value``: JSON values. ``cut``: whether the value is longer than that. ``problem``: why there
    is no value, "" if there is one.
    """

    type: str
    size: int
    value: object
    cut: bool = False
    problem: str = ""


def preview_of(data: bytes, room: Room) -> Preview:
    """Return what is shown of a packed value, b"" for None."""
    if len(data) > room.size:
        return Preview("", len(data), None, cut=True, problem=TOO_LARGE)
    try:
        value = unpack(data, max_bytes=room.size, inert=True) if data else None
    except BrokenValue as error:
        return Preview("", len(data), None, problem=str(error))
    cutter = _Cutter(room)
    shown = cutter.shown(value, room.depth)
    return Preview(type_of(value), len(data), shown, cut=cutter.has_cut)


def type_of(value: object) -> str:
    """Return the name of the class of a value that was decoded without classes."""
    if isinstance(value, Record | Undecoded):
        return value.kind
    return "None" if value is None else type(value).__name__


class _Cutter:
    """Makes JSON values of one value, until there is no room left."""

    def __init__(self, room: Room) -> None:
        self._items, self._characters = room.items, room.characters
        self._secrets = room.secrets
        self.has_cut = False

    def shown(self, value: object, depth: int) -> object:
        """Return JSON values for a value, maybe for its beginning."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bytes | bytearray):
            return plain(self._part(value))
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | deque | set | frozenset):
            return [self.shown(item, depth - 1) for item in self._some(value, depth)]
        self._characters -= 8
        return self._text(text) if isinstance(text := plain(value), str) else text

    def _text(self, text: str) -> str:
        text = self._secrets.text(text)
        shown = text[: max(self._characters, 0)]
        self._characters -= len(shown)
        if len(shown) < len(text):
            self.has_cut = True
            return shown + "…"
        return shown

    def _part(self, data: bytes | bytearray) -> bytes:
        shown = bytes(data[: max(self._characters // 2, 0)])
        self._characters -= 2 * len(shown)
        self.has_cut |= len(shown) < len(data)
        return shown

    def _mapping(self, value: Mapping[object, object], depth: int) -> object:
        pairs = [
            (self._text(_key(key)), self._named(_key(key), value[key], depth - 1))
            for key in self._some(value, depth)
        ]
        if len({key for key, _ in pairs}) == len(pairs):
            return dict(pairs)
        return [[key, item] for key, item in pairs]

    def _named(self, name: str, value: object, depth: int) -> object:
        return MASK if self._secrets.hides(name, value) else self.shown(value, depth)

    def _some(self, values: Iterable[object], depth: int) -> Iterable[object]:
        if depth <= 0:
            self.has_cut = True
            return
        for value in values:
            if self._items <= 0 or self._characters <= 0:
                self.has_cut = True
                return
            self._items -= 1
            yield value


def _key(key: object) -> str:
    shown = key if isinstance(key, str) else plain(key)
    return shown if isinstance(shown, str) else describe(key)


# -- reading --------------------------------------------------------------------------------------


def read_previews(
    store: ClientStore,
    provenance: Provenance,
    run: str,
    tasks: Sequence[int],
    room: Room,
) -> list[Preview]:
    """Return the results of tasks or items for display. What is too large is not read."""
    sizes = dict(zip(tasks, store.result_sizes(run, tasks), strict=True)) if tasks else {}
    small = [task for task in tasks if sizes[task] <= room.size]
    try:
        values = dict(zip(small, read_verified(store, provenance, run, small), strict=True))
    except UntrustedValue as error:
        return [Preview("", sizes[task], None, problem=str(error)) for task in tasks]
    return [
        preview_of(values[task] or b"", room)
        if task in values
        else Preview("", sizes[task], None, cut=True, problem=TOO_LARGE)
        for task in tasks
    ]


def read_element_previews(
    store: ClientStore,
    provenance: Provenance,
    run: str,
    tasks: Sequence[int],
    index: int,
) -> list[Preview]:
    """Return the elements at an index of results that a task is mapped over, for display.

    A result is read as a whole for it, unless it is too large.
    """
    sizes = store.result_sizes(run, tasks) if tasks else []
    previews = []
    for task, size in zip(tasks, sizes, strict=True):
        if size > LARGE.size:
            previews.append(Preview("", size, None, cut=True, problem=TOO_LARGE))
            continue
        try:
            (data,) = read_verified(store, provenance, run, [task])
            previews.append(_element(data or b"", index))
        except (BrokenValue, UntrustedValue) as error:
            previews.append(Preview("", size, None, problem=str(error)))
    return previews


def _element(data: bytes, index: int) -> Preview:
    """Return an element of a packed value. Raises BrokenValue."""
    value = unpack(data, max_bytes=LARGE.size, inert=True) if data else None
    elements = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(elements, list | tuple | range) or index >= len(elements):
        return Preview("", 0, None, problem="Its result does not have this element any more.")
    cutter = _Cutter(SMALL)
    shown = cutter.shown(elements[index], SMALL.depth)
    return Preview(type_of(elements[index]), 0, shown, cut=cutter.has_cut)


def read_result_preview(
    store: ClientStore, provenance: Provenance, run: str, shape: RunShape, task: int, room: Room
) -> Preview | None:
    """Return the result of a task or an item for display, None if it has none.

    Of a mapped task, the results of its first items.
    """
    dag = shape.dag
    record = store.read_records(run, [task])[0]
    if record.state is not TaskState.SUCCEEDED:
        return None
    try:
        if not store.result_sizes(run, [task])[0]:
            refuse_dropped(store, run, dag, task)
    except FlowkitError as error:
        return Preview("", 0, None, problem=str(error))
    if task in dag.maps:
        return _of_items(store, provenance, run, shape.items(task), room)
    return read_previews(store, provenance, run, [task], room)[0]


def _of_items(
    store: ClientStore, provenance: Provenance, run: str, items: range, room: Room
) -> Preview:
    most, each = len(items), room
    if room is not WHOLE:
        most = MOST_VALUES
        each = room._replace(
            size=room.size // most, items=room.items // most, characters=room.characters // most
        )
    values: list[object] = []
    size, has_cut = 0, len(items) > most
    for at in range(0, min(most, len(items)), PART):
        part = read_previews(store, provenance, run, items[at : min(at + PART, most)], each)
        size += sum(preview.size for preview in part)
        if size > room.size:
            has_cut = True
            break
        values += [preview.problem or preview.value for preview in part]
        has_cut |= any(preview.cut for preview in part)
    return Preview(f"list of {len(items):,}", size, values, cut=has_cut)
