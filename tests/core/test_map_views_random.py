"""What a client makes of any state of any run with mapped tasks, against the resolver of that run.

Whenever the scheduler has nothing left to handle, the shape that a client reads has the items of
the resolver, and each pending task or item waits for another one: a cause that says that the
scheduler is about to decide would be a false one.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import hypothesis.strategies as st
from hypothesis import given, note, settings
from test_map_random import Environment

from flowkit.client.run_tasks import RunTasks, read_tasks
from flowkit.core.causes import Kind, Mover
from flowkit.core.commands import Command, EndMap
from flowkit.core.compiled import CompiledDAG
from flowkit.core.explain import causes_of
from flowkit.core.retry import Policy
from flowkit.core.run_record import RunRecord
from flowkit.core.snapshot import LiveWorker, Snapshot, TaskView
from flowkit.core.states import TASK_OVER, RunState, TaskState
from flowkit.core.triggers import Trigger
from flowkit.core.worker_info import WorkerInfo
from flowkit.protocol.items import Items
from flowkit.protocol.records import TaskRecord


class Watched(Environment):
    """A run whose records a client can read."""

    def __init__(self, data: st.DataObject) -> None:
        self.ended: dict[int, int] = {}  # mapped tasks that are over, and their lengths
        super().__init__(data)
        used = [self.triggers.get(task, Trigger.NONE_FAILED) for task in range(len(self.graph))]
        kinds = sorted(set(used))
        policy_of = array("i", [kinds.index(trigger) for trigger in used])
        policies, refs = tuple(Policy(trigger=kind) for kind in kinds), ("app:f",)
        ref_of = array("i", [0] * len(self.graph))
        self.dag = CompiledDAG(
            "random", self.graph, policies, policy_of, refs, ref_of, maps=self.maps
        )

    def carry_out(self, command: Command) -> None:
        super().carry_out(command)
        if isinstance(command, EndMap) and command.length >= 0:
            self.ended[command.task] = command.length

    def read_records(self, run: str, tasks: Sequence[int]) -> list[TaskRecord]:
        return [
            TaskRecord(self.store.state(number), 1, items=self.items(number)) for number in tasks
        ]

    def items(self, number: int) -> Items | None:
        if number in self.maps:
            return Items(self.ended[number]) if number in self.ended else None
        if self.store.state(number) is not TaskState.SUCCEEDED or not self.is_counted(number):
            return None
        length = self.length(number)
        return Items(length, 1) if length >= 0 else Items(0, 0, "str")

    def check_view(self) -> None:
        """Compare what a client reads with the resolver, if that has nothing left to handle."""
        run, store = self.resolver, self.store
        if run is None or store.inbox or store.stop or store.run is not RunState.RUNNING:
            return
        tasks = read_tasks(self, "r", self.dag)
        found = {task: run.length(task) for task in self.maps}
        note(f"states: {dict(sorted(store.states.items()))}, lengths: {found}")
        assert tasks.shape.lengths == {
            task: length for task, length in found.items() if length is not None
        } | {task: 0 for task in self.maps if store.state(task) in TASK_OVER and not found[task]}
        assert tasks.shape.total == run.total
        for number, state in enumerate(tasks.states):
            assert (state is not None) == run.exists(number)
        self.check_causes(tasks)

    def check_causes(self, tasks: RunTasks) -> None:
        views = {
            number: TaskView(record.state)
            for number, record in tasks.known()
            if record.state is not TaskState.PENDING
        }
        run = RunRecord("r", "random", "d", RunState.RUNNING, len(tasks.states), 0)
        worker = LiveWorker(WorkerInfo("W", queues=("default",), processes=1, ready=1))
        snapshot = Snapshot(
            run,
            self.dag,
            tasks.states,
            views,
            1000,
            lease_left_ms=1000,
            lag=0,
            workers=(worker,),
            window=self.window,
            lengths=tasks.shape.lengths,
        )
        view = causes_of(snapshot)
        for number, state in enumerate(tasks.states):
            if state is None or state in TASK_OVER:
                continue
            cause = view.cause(number)
            assert (cause.root is not None) == (cause.row.by is Mover.ROOT)
            if cause.root is not None:
                assert view.cause(cause.root).kind not in (Kind.UPSTREAM, Kind.ITEMS)
            if state is TaskState.PENDING:
                assert cause.kind is not Kind.LAGS, self.dag.task_name(number)


@settings(max_examples=60)
@given(st.data())
def test_a_client_sees_the_items_and_the_causes_of_any_run(data: st.DataObject) -> None:
    env = Watched(data)
    for _ in range(data.draw(st.integers(0, 40))):
        env.check_view()
        if moves := env.moves():
            getattr(env, data.draw(st.sampled_from(moves), label="then"))()
    env.check_view()
