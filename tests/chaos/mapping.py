"""R25: items of mapped tasks under kills; none is lost, and none counts twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from helpers import wait_until

from flowkit import RunHandle
from flowkit.codec.packing import unpack
from flowkit.protocol.records import TaskRecord

from . import dags
from .checker import Allowed, Told, check
from .history import Execution, digest
from .killing import Kills
from .stage import PATIENCE_S, Stage, meanwhile

RUN_S = 900.0
LIST, FIRST, SECOND, LAST = "listing", "first", "second", "gathered"


def map_under_fire(stage: Stage, *, items: int, ms: float, lease: float = 2.0) -> None:
    """A worker process is killed every 0.5 s, a scheduler every 2 s, while two maps run."""

    def start_worker() -> object:
        return stage.worker("--processes", "2", lease=lease)

    for start in (stage.scheduler, stage.scheduler, start_worker, start_worker):
        start()
    kills = Kills(stage, start_worker, stage.scheduler)
    seed = stage.random.randrange(10**6)
    began = time.monotonic()
    run = stage.client.submit(dags.mapped(items, seed, ms=ms))
    wait_until("an item has begun", lambda: len(stage.executions(run)) > 1, PATIENCE_S)
    with meanwhile(0.5, kills.hit):
        state = stage.end(run, RUN_S)
    stage.demand(state == "succeeded", f"the run ended as {state}")
    stage.violations += _broken(stage, run, items, seed)
    stage.figure("items", 2 * items)
    stage.figure("processes killed", kills.total)
    stage.figure("executions repeated", stage.repeats(run))
    stage.figure("run, s", time.monotonic() - began)


def _broken(stage: Stage, run: RunHandle, items: int, seed: int) -> list[str]:
    """Return a sentence for each rule that the run has broken."""
    told = dict(_told(stage, run, items))
    wrong: list[str] = []
    executions: list[Execution] = []
    for execution in stage.executions(run):
        name, _, index = execution.task.partition("[")
        if name == FIRST:  # it was given an element, which is no result of a task
            given = digest((f"{seed}-{index.rstrip(']')}",))
            if execution.inputs != given:
                wrong.append(f"{execution.task} was given another element than its own")
            executions.append(replace(execution, inputs=digest(())))
        elif name != LIST:
            executions.append(execution)
    allowed = Allowed(repeats=None, same_attempt=None, blamed=None)
    return [*wrong, *check(run.record().state.value, told, executions, allowed)]


def _told(stage: Stage, run: RunHandle, items: int) -> Iterator[tuple[str, Told]]:
    """Yield what Redis says of each item and of the task that takes their results."""
    numbering, names = run.graph().numbering, run.graph().graph.names
    store = stage.client.shards[0]._store
    for name in (FIRST, SECOND, LAST):
        task = names.index(name)
        numbers = [task] if name == LAST else list(numbering.items(task, items))
        records = store.read_records(run.run_id, numbers)
        results = list(store.read_results(run.run_id, numbers))
        for at, (record, packed) in enumerate(zip(records, results, strict=True)):
            upstream = {
                FIRST: (),
                SECOND: (f"{FIRST}[{at}]",),
                LAST: tuple(f"{SECOND}[{index}]" for index in range(items)),
            }[name]
            shown = numbering.name(names, numbers[at])
            yield shown, _of_record(record, packed, upstream)
    beyond = [numbering.item(names.index(name), items) for name in (FIRST, SECOND)]
    lasting = [record.lane for record in store.read_records(run.run_id, beyond) if record.attempt]
    stage.demand(not lasting, f"there are more items than elements: {lasting}")


def _of_record(record: TaskRecord, packed: bytes | None, upstream: tuple[str, ...]) -> Told:
    result = str(unpack(packed)) if packed else None
    return Told(record.state.value, record.attempt, record.spent.deaths, result, upstream=upstream)
