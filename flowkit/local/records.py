"""The entries of a run's tasks in a state store: one per task, under ``DAG/TASK``.

Rules:
- A key belongs to one task of one DAG: ``/`` in a name is written ``%2F``, and ``%`` is written
  ``%25``. So DAG ``sales/eu`` with task ``load`` and DAG ``sales`` with task ``eu/load`` have
  different keys.
- Earlier releases joined the names unchanged, and numbered unnamed bound tasks across the whole
  program (binding.py). Their entries are read if the metadata names this DAG and this task. Their
  entries of other tasks are neither read nor deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..codec.digests import digest
from ..codec.packing import CodecError
from ..core.graph import Graph
from ..definition.call_plan import plan_for
from ..definition.task import Task
from ..exceptions import IllegalValue
from ..state.entries import MISSING
from ..state.store import StateStore
from ..state.task_cache import read_or_missing, warn_unreadable
from .call_records import CallPlace
from .earlier_run import Recorded
from .numbered import Numbered

FORMAT = 2  # of keys and names; earlier releases wrote none


class Records:
    """The entries of one DAG's tasks, by task number."""

    def __init__(
        self,
        state: StateStore,
        dag_name: str,
        numbered: Numbered[Task],
        graph: Graph,
        params: Mapping[str, Any],
        call_place: CallPlace | None = None,
    ) -> None:
        """``call_place``: of a run that a task has called."""
        self._call_place = call_place
        self._state, self._dag_name, self._numbered = state, dag_name, numbered
        self._tasks, self._graph, self._params = numbered.tasks, graph, params
        self._digests: dict[str, str | None] = {}
        self._inputs = [self._made_from(at, _name) for at in range(len(self._tasks))]

    def find(self, index: int, *, of_any_call: bool = False) -> Recorded | None:
        """Return the entry of a task, made by this release or an earlier one.

        In a run that was called, it must be of the same calling attempt, or ``of_any_call``.
        """
        key = self.key(index)
        about = self._about(key)
        task = self._tasks[index]
        place = self._call_place
        if place is not None and about is not None:
            is_read = of_any_call or about.get("called_by") == place.calling_attempt
            return Recorded(key, about, self.inputs(index)) if is_read else None
        if about is not None and (task.name == _earlier_name(task) or _is_current(about)):
            return Recorded(key, about, self.inputs(index))
        return self._find_earlier(index)

    def value_of(self, record: Recorded) -> tuple[object] | None:
        """Return the value of an entry; None, with a warning, if it cannot be read."""
        value = read_or_missing(self._state, record.key)
        return None if value is MISSING else (value,)

    def save(self, index: int, value: object, about: Mapping[str, object]) -> None:
        """Record a value and its metadata."""
        place = self._call_place
        of_call = {} if place is None else {"called_by": place.calling_attempt}
        self._state.set(self.key(index), value, metadata={**about, **of_call, "format": FORMAT})

    def inputs(self, index: int) -> str | None:
        """Return a digest of a task's inputs other than results, None if it has no digest.

        Those of an item are those of its mapped task.
        """
        return self._inputs[self._numbered.node(index)]

    def delete(self, index: int) -> None:
        """Delete the entries of a task."""
        self._state.delete(self.key(index))
        earlier = self._find_earlier(index)
        if earlier is not None:
            self._state.delete(earlier.key)

    def key(self, index: int) -> str:
        """Return the key of a task's entry."""
        prefix = "" if self._call_place is None else self._call_place.prefix
        return prefix + result_key(self._dag_name, self._numbered.plain_name(index))

    def _find_earlier(self, index: int) -> Recorded | None:
        if self._tasks[index].map_options is not None or self._call_place is not None:
            return None  # earlier releases had no mapped tasks, and no calls
        name = _earlier_name(self._tasks[index])
        key = f"{self._dag_name}/{name}"
        if key == self.key(index):
            return None
        about = self._about(key)
        if about is None or _is_current(about):
            return None
        if (about.get("dag"), about.get("task")) != (self._dag_name, name):
            return None
        return Recorded(key, about, self._made_from(index, _earlier_name))

    def _about(self, key: str) -> Mapping[str, Any] | None:
        """Return the metadata of a result; None, with a warning, if it cannot be read."""
        try:
            return self._state.get_metadata(key)
        except IllegalValue as error:
            warn_unreadable(key, error)
            return None

    # -- the inputs of a task ------------------------------------------------------------------

    def _made_from(self, index: int, name_of: Any) -> str | None:
        task, upstream = self._tasks[index], self._graph.inputs(index)
        names = [name_of(self._tasks[other]) for other in upstream]
        after = sorted(name_of(self._tasks[other]) for other in self._graph.order_only(index))
        taken = plan_for(task).keywords(len(upstream), self._params, task.kwargs)
        parts = {
            name: _digest_of(value) if name in task.kwargs else self._digest_of_param(name)
            for name, value in taken.items()
        }
        if None in parts.values():
            return None
        made_from = [self._dag_name, name_of(task), names, parts]
        return digest([*made_from, after] if after else made_from, "inputs")

    def _digest_of_param(self, name: str) -> str | None:
        if name not in self._digests:
            self._digests[name] = _digest_of(self._params[name])
        return self._digests[name]


def result_key(dag_name: str, task_name: str) -> str:
    """Return the key under which a run records a task's result."""
    return f"{_escaped(dag_name)}/{_escaped(task_name)}"


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F")


def _is_current(about: Mapping[str, Any]) -> bool:
    return about.get("format") is not None


def _name(task: Task) -> str:
    return task.name


def _earlier_name(task: Task) -> str:
    return task._earlier_name or task.name


def _digest_of(value: object) -> str | None:
    try:
        return digest(value, "value")
    except CodecError:
        return None
