"""Reads the values of a run for a recording: results and fixed arguments, as previews.

The results before a failed task are read first, since they are the ones that are looked for; then
those of the other tasks, and of items. ``MOST_READ`` bounds what is read, ``MOST_TEXT`` what is
kept; a value that is larger than the room of one is not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ..basics.counted import counted
from ..basics.redaction import Redaction
from ..codec.provenance import Provenance
from ..core.compiled import CompiledDAG
from ..core.states import TaskState
from ..protocol.client_store import ClientStore
from .previews import Preview, Room, preview_of, read_previews
from .status import TaskStatus

FEW = 50  # with so many results, each gets the most room
SIZE, ITEMS, CHARACTERS = 64 * 1024, 100, 10_000
LEAST_ITEMS, LEAST_CHARACTERS = 20, 300
MOST_READ = 64 * 1024 * 1024
MOST_TEXT = 1_000_000
AT_ONCE = 50  # values that are in memory together
DROPPED = "There is none, or it was dropped: its task has keep_result=False."


class Shard(Protocol):
    """The connection to a shard, as this module needs it."""

    def run_store(self, run_id: str) -> AbstractContextManager[ClientStore]:
        """Lock the connection for calls about one run."""
        ...


class ValueReader:
    """Reads the values of one run. ``results``, ``arguments``: what was read, by task."""

    def __init__(
        self,
        shard: Shard,
        provenance: Provenance,
        run_id: str,
        dag: CompiledDAG,
        secrets: Redaction,
    ) -> None:
        self._shard, self._provenance, self._run_id, self._dag = shard, provenance, run_id, dag
        self.room = Room(SIZE, ITEMS, CHARACTERS, secrets=secrets)
        self.results: dict[str, Preview] = {}
        self.arguments: dict[str, Preview] = {}
        self._read, self._text, self._missing = MOST_READ, MOST_TEXT, 0

    def read(self, tasks: Sequence[TaskStatus], items: Mapping[str, Sequence[TaskStatus]]) -> None:
        """Read the results of tasks and items that succeeded, and the arguments of tasks.

        Raises RunNotFound, RunLost, RedisUnavailable.
        """
        found = dict(self._numbers(tasks, items))
        if len(found) > FEW:
            share = max(LEAST_CHARACTERS, min(CHARACTERS, MOST_TEXT // len(found)))
            self.room = self.room._replace(characters=share, items=max(LEAST_ITEMS, share // 20))
        wanted = list(found)
        for at in range(0, len(wanted), AT_ONCE):
            self._read_part(wanted[at : at + AT_ONCE], found)
        for task, kwargs in self._dag.kwargs.items():
            self._keep(self.arguments, self._dag.task_name(task), preview_of(kwargs, self.room))

    def _numbers(
        self, tasks: Sequence[TaskStatus], items: Mapping[str, Sequence[TaskStatus]]
    ) -> Iterator[tuple[int, str]]:
        """Yield the numbers and names of what has a result, in the order in which it is read."""
        graph, maps = self._dag.graph, self._dag.maps
        failed = (at for at, task in enumerate(tasks) if task.state is TaskState.FAILED)
        first = dict.fromkeys(source for task in failed for source in graph.inputs(task))
        for at in (*first, *(at for at in range(len(tasks)) if at not in first)):
            if at not in maps and tasks[at].state is TaskState.SUCCEEDED:
                yield at, tasks[at].name
        for at in maps:
            for index, item in enumerate(items.get(graph.names[at], ())):
                if item.state is TaskState.SUCCEEDED:
                    yield self._dag.numbering.item(at, index), item.name

    def _read_part(self, numbers: Sequence[int], names: Mapping[int, str]) -> None:
        if self._read <= 0 or self._text <= 0:
            self._missing += len(numbers)
            return
        with self._shard.run_store(self._run_id) as store:
            read = read_previews(store, self._provenance, self._run_id, numbers, self.room)
        for number, preview in zip(numbers, read, strict=True):
            if preview.size <= self.room.size:
                self._read -= preview.size
            if not preview.size and not self._dag.policy(number).keep_result:
                preview = Preview("", 0, None, problem=DROPPED)
            self._keep(self.results, names[number], preview)

    def _keep(self, values: dict[str, Preview], name: str, preview: Preview) -> None:
        if self._text <= 0:
            self._missing += 1
            return
        values[name] = preview
        self._text -= len(json.dumps(preview.value))

    def left_out(self) -> list[str]:
        """Return what was not kept, as sentences."""
        if not self._missing:
            return []
        return [f"{counted(self._missing, 'value')}: flowkit result {self._run_id} TASK"]
