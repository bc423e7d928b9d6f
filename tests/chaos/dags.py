"""The DAGs that scenarios run; the same seed draws the same one."""

from __future__ import annotations

import random

import chaos_app as app

from flowkit import DAG, Task


def layered(
    tasks: int,
    seed: int,
    *,
    ms: float = 0,
    width: int = 50,
    share_async: float = 0,
    share_printing: float = 0,
) -> DAG:
    """Draw layers of tasks, each of which needs one to three of the layer before it."""
    rng = random.Random(seed)
    dag = DAG("layered", on_failure="continue")
    before: list[Task[..., object]] = []
    with dag:
        for first in range(0, tasks, width):
            kinds = [
                app.abrief if rng.random() < share_async else app.brief
                for _ in range(min(width, tasks - first))
            ]
            layer = [kind.bind(f"t{first + at}", ms=ms) for at, kind in enumerate(kinds)]
            if share_printing:
                layer = [
                    app.chatty.bind(item.name, lines=5, ms=ms / 5)
                    if rng.random() < share_printing
                    else item
                    for item in layer
                ]
            for item in layer:
                dag.add(item)
                if before:
                    rng.sample(before, min(len(before), rng.randint(1, 3))) >> item
            before = layer
    return dag


def wide(
    tasks: int, *, ms: float = 0, kind: Task[..., object] = app.brief, name: str = "wide"
) -> DAG:
    """Draw tasks that are all ready at once, and one that needs them all."""
    with DAG(name) as dag:
        [kind.bind(f"t{at}", ms=ms) for at in range(tasks - 1)] >> app.brief.bind("all")
    return dag


def mapped(items: int, seed: int, *, ms: float) -> DAG:
    """Draw a list, two maps one behind the other, and a task that takes all results."""
    with DAG("mapped") as dag:
        first = app.piece.bind("first", ms=ms).map(label="{item}")
        second = app.piece.bind("second", ms=ms).map()
        app.listing.bind("listing", count=items, seed=seed) >> first >> second >> app.gathered
    return dag


def calling(parents: int, width: int, *, ms: float) -> DAG:
    """Draw tasks that call runs, each of which calls runs."""
    with DAG("calling") as dag:
        for at in range(parents):
            dag.add(app.branching.bind(f"p{at}", seed=at, width=width, depth=1, ms=ms))
    return dag


def printing(tasks: int, seed: int, *, lines: int, ms: float) -> DAG:
    """Draw tasks without edges that print, a few of them beside others in one process."""
    rng = random.Random(seed)
    dag = DAG("printing", on_failure="continue")
    for at in range(tasks):
        kind = app.achatty if rng.random() < 0.2 else app.chatty
        dag.add(kind.bind(f"t{at}", lines=lines, ms=ms))
    return dag


def retrying(tasks: int, *, ms: float) -> DAG:
    """Draw tasks that are all ready at once, of which every tenth fails once."""
    dag = DAG("retrying")
    for at in range(tasks):
        again = app.flaky.bind(f"flaky{at}", failures=1)
        dag.add(app.brief.bind(f"t{at}", ms=ms) if at % 10 else again)
    return dag


def retries_of(tasks: int) -> dict[str, int]:
    """Return task → how often it is to fail, in ``retrying(tasks)``."""
    return {f"flaky{at}": 1 for at in range(0, tasks, 10)}


def poisoned(good: int, seed: int, *, ms: float, share_async: float) -> DAG:
    """Draw tasks without edges, one of which kills its process."""
    rng = random.Random(seed)
    dag = DAG("poisoned", on_failure="continue")
    place = rng.randrange(good // 2)
    for at in range(good):
        if at == place:
            dag.add(app.poison)
        kind = app.abrief if rng.random() < share_async else app.brief
        dag.add(kind.bind(f"t{at}", ms=ms))
    return dag


def eventful(tasks: int, seed: int) -> DAG:
    """Draw layers in which some tasks are retried, some fail for good, some are skipped.

    After six layers others begin that need none of them, or the first failures would block nearly
    all of a large DAG.
    """
    rng = random.Random(seed)
    dag = DAG("eventful", on_failure="continue")
    before: list[Task[..., object]] = []
    with dag:
        for first in range(0, tasks, 20):
            layer = [_eventful(at, rng) for at in range(first, min(first + 20, tasks))]
            for item in layer:
                dag.add(item)
                if before and first % 120:
                    rng.sample(before, min(len(before), rng.randint(1, 2))) >> item
            before = layer
    return dag


def _eventful(at: int, rng: random.Random) -> Task[..., object]:
    luck = rng.random()
    if luck < 0.05:
        return app.flaky.bind(f"flaky{at}", failures=rng.randint(1, 2))
    if luck < 0.07:
        return app.broken.bind(f"broken{at}")
    if luck < 0.12:
        return app.unwanted.bind(f"unwanted{at}")
    return app.brief.bind(f"t{at}", ms=2)


def single(name: str, gate: str) -> DAG:
    """Draw one task that waits for a gate."""
    dag = DAG("single")
    dag.add(app.held.bind(name, gate=gate))
    return dag


def hanging(kind: str, *, late: bool) -> DAG:
    """Draw one task that hangs, past its deadline or until it is cancelled."""
    dag = DAG("hanging")
    task = app.hangs_late if late else app.hangs
    dag.add(task.bind("hang", kind=kind))
    return dag
