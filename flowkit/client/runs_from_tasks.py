"""Runs that a task submits to the system of its own worker.

A task may be executed again: its worker dies, it is retried. Then it must find the runs that it has
submitted before. So the id of such a run, unless the task chooses one, follows from what does not
change: the run and the task, what is submitted (the DAG and its parameters), and a number that
counts equal submissions of one attempt. A resume of the run that the task belongs to, and another
run with the same id, have other children.

The order of different submissions does not matter, so threads and coroutines of a task may submit
at the same time. Processes that a task starts get random ids, as they do not count together.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from typing import Protocol

from ..codec.digests import digest, joined
from ..codec.packing import CodecError, unpack
from ..configuration.own_system import own_system
from ..context import number_submission
from ..core.compiled import CompiledDAG
from ..core.run_record import RunRecord
from ..core.states import RUN_OVER, RunState
from ..exceptions import RunAlreadyOver, WaitTimeout
from ..protocol.graph_writer import pack_graph
from ..settings import Settings

STOPPING_S = 30.0  # for a run that was cancelled to end
ID_BYTES = 10  # as random as the ids of other runs


class Child(Protocol):
    """What continuing a run needs of its handle."""

    def record(self) -> RunRecord:
        """Return the record of the run."""

    def wait(self, timeout: float | None = None) -> RunState:
        """Wait until the run has ended."""

    def resume(self) -> None:
        """Resume the run."""


def child_ids(
    settings: Settings, dag: CompiledDAG, runs: Iterable[Mapping[str, object] | None]
) -> list[str | None]:
    """Return an id for each run of ``dag`` with these parameters, None where it is random.

    ``settings``: of the client that submits them.
    """
    own = own_system()
    if own is None or own.pid != os.getpid() or own.shards != settings.shards:
        return [None for _ in runs]
    of_dag = ""
    ids: list[str | None] = []
    for params in runs:
        of_dag = of_dag or _digest_of_dag(dag)
        ids.append(_child_id(of_dag, params))
    return ids


def _child_id(of_dag: str, params: Mapping[str, object] | None) -> str | None:
    try:
        content = of_dag + digest(dict(params or {}), "params")
    except CodecError:  # reported when they are packed
        return None
    place = number_submission(content)
    if place is None:
        return None
    parts = [str(part).encode() for part in (*place, content)]
    return blake2b(joined("child", parts), digest_size=ID_BYTES).hexdigest()


def _digest_of_dag(dag: CompiledDAG) -> str:
    """Return a digest that is the same in each process, unlike that of a packed graph: the order of
    a set among the fixed arguments differs.
    """
    fixed = (
        f"{task} {digest(unpack(packed, max_bytes=len(packed)), 'value')}".encode()
        for task, packed in sorted(dag.kwargs.items())
    )
    parts = [pack_graph(replace(dag, kwargs={})), *fixed]
    return blake2b(joined("dag", parts), digest_size=16).hexdigest()


def continue_child(handle: Child) -> None:
    """Resume a run that an earlier attempt submitted, if it has failed or was cancelled.

    Otherwise, the retries of a task whose run has failed could only fail as well. Raises
    RunNotFound, RedisUnavailable.
    """
    record = handle.record()
    if record.stop is not None and record.state not in RUN_OVER:
        with suppress(WaitTimeout):
            handle.wait(STOPPING_S)
        record = handle.record()
    if record.state in (RunState.FAILED, RunState.CANCELLED):
        with suppress(RunAlreadyOver):  # another process was faster, and it has succeeded
            handle.resume()
