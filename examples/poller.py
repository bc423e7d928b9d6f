"""Wait for something that takes long, without a worker that waits.

A task starts a job, another one asks for its output until it is over. Between two questions, the
asking task is not running: it has returned `flowkit.again(…)`, which ends the attempt and starts
another one later. What it must remember goes with it as `memory`.

    start_job ─▶ follow ─▶ report

The job is an export on another system, of which each question finds two more lines. `follow` asks
only for what is new: it remembers what it has read.

    flowkit run examples/poller.py
    python examples/poller.py

Run parameter: `lines`, how many lines the job writes (default: 5). The result of `report` is
"5 lines, the last one: line 5 of 5".
"""

from __future__ import annotations

from typing import NamedTuple

import flowkit
from flowkit import DAG, Again, current_attempt, task


class Job(NamedTuple):
    """A job on another system, which writes so many lines."""

    lines: int

    def output(self, after: int) -> tuple[list[str], bool]:
        """Return what it has written after the first lines, and whether it is over."""
        count = min(self.lines, after + 2)
        new = [f"line {number} of {self.lines}" for number in range(after + 1, count + 1)]
        return new, count == self.lines


@task
def start_job(lines: int = 5) -> Job:
    """Start the job. A real task would return the id that the other system gave it."""
    return Job(lines)


@task(retries=3, delay=0.2)
def follow(job: Job) -> list[str] | Again:
    """Ask for what is new. Come again until the job is over, at most a thousand times.

    Each time, the task has all of its retries again: a question that fails now and then does not
    end a long wait.
    """
    seen = current_attempt().memory or []
    assert isinstance(seen, list)
    new, is_over = job.output(after=len(seen))
    seen = [*seen, *new]
    return seen if is_over else flowkit.again(delay=0.2, memory=seen, times=1000)


@task
def report(lines: list[str]) -> str:
    """Say what came of it."""
    return f"{len(lines)} lines, the last one: {lines[-1]}"


with DAG("poller") as dag:
    start_job >> follow >> report


if __name__ == "__main__":
    print(dag.run()["report"])
