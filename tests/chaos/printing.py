"""R24: tasks that print are killed, and each line that they had printed whole is in their logs.

A task notes each line outside of Redis when ``print`` has returned. A line that it had not noted
yet may be there or not. Processes of tasks, whole workers and schedulers are killed; the log
collectors are not, since what one has read and not sent dies with it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

from helpers import wait_until

from flowkit import RunHandle

from . import dags
from .checker import MOST_DEATHS, Allowed, Witness
from .killing import RUN_S, Kills
from .stage import PATIENCE_S, Stage, meanwhile

LEASE_S = 2.0
# Task, attempt and token of an execution.
Execution = tuple[str, int, str]


def lines_are_kept(stage: Stage, *, runs: int, tasks: int, lines: int, ms: float) -> None:
    """R24: a process is killed every 0.5 s; no line that was printed is missing or there twice.

    Every second worker sends each script twice. A task whose process is killed three times fails.
    """
    twice = cycle(({}, {"CHAOS_TWICE": "1"}))

    def start_worker() -> object:
        return stage.worker("--processes", "2", lease=LEASE_S, **next(twice))

    for start in (stage.scheduler, stage.scheduler, start_worker, start_worker):
        start()
    kills = Kills(stage, start_worker, stage.scheduler)
    counted, cut, longest = 0, 0, 0.0
    for number in range(runs):
        seed = stage.random.randrange(10**6)
        run = stage.client.submit(dags.printing(tasks, seed, lines=lines, ms=ms))
        witness = Witness()
        wait_until(f"run {number} has begun", lambda r=run: stage.executions(r), PATIENCE_S)
        with meanwhile(0.5, kills.hit):
            state = stage.end(run, RUN_S, witness)
        failed = frozenset(
            name for name, item in stage.told(run).items() if item.deaths >= MOST_DEATHS
        )
        wanted = "failed" if failed else "succeeded"
        stage.demand(state == wanted, f"run {number} ended as {state}, not {wanted}")
        allowed = Allowed(repeats=None, same_attempt=None, failed=failed, blamed=None)
        stage.check(run, allowed, witness)
        began = time.monotonic()
        kept = read_kept(run)
        longest = max(longest, time.monotonic() - began)
        noted = read_noted(stage.folder / "printed", run.run_id)
        for sentence in (*missing(noted, kept), *wrong(noted, kept)):
            stage.demand(False, f"run {number}: {sentence}")
        counted += sum(map(len, noted.values()))
        cut += sum(execution.ended is None for execution in stage.executions(run))
    stage.figure("lines printed", counted)
    stage.figure("executions cut short", cut)
    stage.figure("children killed", kills.children)
    stage.figure("workers killed", kills.workers)
    stage.figure("schedulers killed", kills.schedulers)
    stage.figure("lines read in, s", longest)


def read_noted(path: Path, run: str) -> dict[Execution, list[int]]:
    """Return which lines each execution of a run has noted."""
    noted: dict[Execution, list[int]] = defaultdict(list)
    for line in path.read_text().splitlines():
        of, task, attempt, token, number = line.split()
        if of == run:
            noted[task, int(attempt), token].append(int(number))
    return noted


def read_kept(run: RunHandle) -> dict[Execution, list[int]]:
    """Return which lines of each execution are in the logs of a run, in their order."""
    kept: dict[Execution, list[int]] = defaultdict(list)
    for line in run.logs():
        token, _, number = line.text.partition(" ")
        if number.isdigit():
            kept[line.task, line.attempt, token].append(int(number))
    return kept


def missing(
    noted: Mapping[Execution, Sequence[int]], kept: Mapping[Execution, Sequence[int]]
) -> Iterator[str]:
    """Yield a sentence for each execution that has printed a line which is not in its logs."""
    for execution, numbers in noted.items():
        task, attempt, token = execution
        lost = sorted(set(numbers) - set(kept.get(execution, ())))
        if lost:
            yield (
                f"{task} printed {len(numbers)} lines in attempt {attempt} ({token}), and these "
                f"are not in its logs: {lost[:5]}"
            )


def wrong(
    noted: Mapping[Execution, Sequence[int]], kept: Mapping[Execution, Sequence[int]]
) -> Iterator[str]:
    """Yield a sentence for each execution with lines that are there twice, in another order, or
    under another attempt."""
    for (task, attempt, token), numbers in kept.items():
        if numbers != sorted(set(numbers)):
            yield f"lines of attempt {attempt} of {task} are there twice or not in order"
        # An execution may have died before it noted its first line.
        if (task, attempt, token) not in noted and len(numbers) > 1:
            yield f"the logs of attempt {attempt} of {task} have lines of {token}, which is another"
