"""All details of one task or item of a run: its state, its policy, its attempts, what it gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..codec.provenance import Provenance
from ..core.compiled import CompiledDAG
from ..core.map_spec import MapSpec
from ..core.numbering import NODE
from ..core.retry import Policy
from ..core.run_record import RunRecord
from ..core.states import RunState, TaskState
from ..exceptions import UntrustedValue
from ..protocol.client_store import ClientStore
from ..protocol.decoding import PART
from .history import HistoryEvent
from .previews import (
    LARGE,
    SMALL,
    Preview,
    Room,
    preview_of,
    read_element_previews,
    read_previews,
    read_result_preview,
)
from .run_history import read_history
from .run_params import open_params
from .run_shape import RunShape, read_shape, stored_inputs
from .status import TaskStatus
from .status_reader import read_statuses

MOST_ATTEMPTS = 50  # the latest
MOST_INPUTS = 100
MOST_INPUT_VALUES = 20


@dataclass(frozen=True, slots=True)
class TaskInput:
    """A task before another one. ``value``: its result, None without one; see ``passes``.

    ``passes``: whether its result is passed, not only the order kept. ``element``: an item gets
    this element of the result, and ``value`` is that; None for the whole result. Only the first
    results are read, and no lists of the results of mapped tasks.
    """

    task: str
    state: TaskState
    passes: bool
    value: Preview | None = None
    element: int | None = None


@dataclass(frozen=True, slots=True)
class TaskDetails:
    """All details of a task or an item.

    ``status``: its state; of a mapped task with its items by state. ``code``: the reference of its
    function. ``mapped``: how it is mapped, None if it is not. ``item_of``: the mapped task of an
    item, "" for a task. ``inputs``: the tasks before it, at most 100; ``more_inputs``: whether
    there are more. ``arguments``: its fixed arguments, None without any. ``params``: the parameters
    of the run. ``attempts``: the latest ones, oldest first; none of a mapped task. ``result``: None
    unless it has succeeded.
    """

    run_id: str
    dag_name: str
    run_state: RunState
    status: TaskStatus
    code: str
    policy: Policy
    mapped: MapSpec | None
    item_of: str
    inputs: list[TaskInput]
    more_inputs: bool
    arguments: Preview | None
    params: Preview | None
    attempts: list[HistoryEvent]
    result: Preview | None


def read_task_details(
    store: ClientStore, provenance: Provenance, run: RunRecord, dag: CompiledDAG, number: int
) -> TaskDetails:
    """Return the details of a task or an item. See ``RunHandle.task_details``."""
    task, index = dag.numbering.split(number)
    shape = read_shape(store, run.run, dag)
    inputs = _Inputs(store, provenance, run, shape).of(number)
    kwargs = dag.kwargs.get(task)
    return TaskDetails(
        run_id=run.run,
        dag_name=run.dag_name,
        run_state=run.state,
        status=_status(store, run, shape, number),
        code=dag.ref(number),
        policy=dag.policy(number),
        mapped=dag.maps.get(task),
        item_of="" if index == NODE else dag.task_name(task),
        inputs=inputs[:MOST_INPUTS],
        more_inputs=len(inputs) > MOST_INPUTS,
        arguments=None if kwargs is None else preview_of(kwargs, SMALL),
        params=params_preview(store, provenance, run),
        attempts=[] if number in dag.maps else _attempts(store, run, shape, number),
        result=read_result_preview(store, provenance, run.run, shape, number, LARGE),
    )


def _status(store: ClientStore, run: RunRecord, shape: RunShape, number: int) -> TaskStatus:
    status = read_statuses(store, run, shape, [number])[0]
    if number not in shape.dag.maps:
        return status
    counts: Counter[TaskState] = Counter()
    items = shape.items(number)
    for at in range(0, len(items), PART):
        counts.update(record.state for record in store.read_records(run.run, items[at : at + PART]))
    return replace(status, items={state.value: counts[state] for state in counts})


def _attempts(
    store: ClientStore, run: RunRecord, shape: RunShape, number: int
) -> list[HistoryEvent]:
    name = shape.name(number)
    events = read_history(store, run, shape.dag, number)
    return [event for event in events if event.task == name and event.attempt][-MOST_ATTEMPTS:]


def params_preview(
    store: ClientStore, provenance: Provenance, run: RunRecord, room: Room = SMALL
) -> Preview | None:
    """Return what is shown of the parameters of a run, None if it has none."""
    stored = store.read_params(run.run)
    if not stored:
        return None
    try:
        return preview_of(open_params(store, run, stored, provenance), room)
    except UntrustedValue as error:
        return Preview("", len(stored), None, problem=str(error))


class _Inputs:
    """Reads what is before a task or an item."""

    def __init__(
        self, store: ClientStore, provenance: Provenance, run: RunRecord, shape: RunShape
    ) -> None:
        self._provenance, self._store, self._run = provenance, store, run.run
        self._shape = shape

    def of(self, number: int) -> list[TaskInput]:
        """Return the inputs, one more than are shown if there are more."""
        dag, numbering = self._shape.dag, self._shape.dag.numbering
        stored = stored_inputs(dag, number)
        passing = set(dag.graph.inputs(numbering.node(number)))
        before = [
            at
            for at in dag.graph.upstream(numbering.node(number))
            if at not in {numbering.node(source) for source in stored}
        ]
        shown = sorted({*stored, *before})[: MOST_INPUTS + 1]
        states = [record.state for record in self._store.read_records(self._run, shown)]
        values = self._values(shown, states, set(stored))
        node, index = numbering.split(number)
        over = () if index == NODE else dag.maps[node].over
        split = {at for at in over if at not in dag.maps and at in shown}
        values |= self._elements(shown, states, split, index)
        return [
            TaskInput(
                dag.task_name(at),
                state,
                numbering.node(at) in passing,
                values.get(at),
                index if at in split else None,
            )
            for at, state in zip(shown, states, strict=True)
        ]

    def _elements(
        self, shown: Sequence[int], states: Sequence[TaskState], split: set[int], index: int
    ) -> dict[int, Preview]:
        """Return the elements that an item gets of the results of tasks."""
        read = _succeeded(shown, states, split)
        previews = read_element_previews(self._store, self._provenance, self._run, read, index)
        return dict(zip(read, previews, strict=True))

    def _values(
        self, shown: Sequence[int], states: Sequence[TaskState], stored: set[int]
    ) -> dict[int, Preview]:
        read = _succeeded(shown, states, stored)
        previews = read_previews(self._store, self._provenance, self._run, read, SMALL)
        return dict(zip(read, previews, strict=True))


def _succeeded(shown: Sequence[int], states: Sequence[TaskState], wanted: set[int]) -> list[int]:
    """Return the wanted tasks that have succeeded: as many as have their values shown."""
    pairs = zip(shown, states, strict=True)
    return [at for at, state in pairs if at in wanted and state is TaskState.SUCCEEDED][
        :MOST_INPUT_VALUES
    ]
