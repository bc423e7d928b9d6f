"""Systems that are as large as the budgets of the page say: a run of 10,000 tasks, 100,000 runs."""

from __future__ import annotations

from ended_runs import dag, finish
from whole_run import WholeRun

from flowkit import DAG, Client, Task

TASKS = 10_000
RUNS = 100_000
PART = 5_000
DAGS = ("etl", "report", "training")


def step(value: object = "") -> int:
    return len(str(value))


def large_run(url: str, namespace: str, tasks: int = TASKS) -> WholeRun:
    """Submit the run ``r1`` of many tasks in chains of three."""
    with DAG("large") as made:
        for number in range(tasks // 3):
            first, second, third = (
                Task(step, name=f"{name}_{number}") for name in ("load", "clean", "store")
            )
            first >> second >> third
        made.add(Task(step, name="last"))
    return WholeRun(url, namespace, made)


def many_runs(client: Client, runs: int = RUNS) -> None:
    """Store copies of runs that have ended, one each second until now."""
    kinds = [finish(client, client.submit(dag(name)).run_id, state) for name, state in _kinds()]
    with client.run(kinds[0]).shard.store() as store:
        keys, call = store.keys, store.link.call
        newest = int(call("HGET", keys.run(kinds[0]), "submitted"))
        records = [dict(_pairs(call("HGETALL", keys.run(kind)))) for kind in kinds]
        for start in range(0, runs, PART):
            commands: list[tuple[object, ...]] = []
            for number in range(start, min(start + PART, runs)):
                run, submitted = f"{number:020x}", newest - 1000 * number
                record = dict(records[number % len(records)])
                record |= {b"submitted": submitted, b"finished": submitted + 400}
                flat = [part for pair in record.items() for part in pair]
                commands.append(("HSET", keys.run(run), *flat))
                commands.append(("HSET", keys.tasks(run), 0, "S1,W.0,0,0,0"))
                commands += (("EXPIRE", key, 604_800) for key in (keys.run(run), keys.tasks(run)))
                commands.append(("ZADD", keys.runs(), submitted, run))
            store.link.batch_each(commands)


def _kinds() -> list[tuple[str, str]]:
    return [(name, state) for name in DAGS for state in ("succeeded", "failed")]


def _pairs(flat: list[bytes]) -> zip[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)
