"""The command ``python -m benchmarks.task_logs``: what do the lines of tasks cost?

It measures the two ends of the pipe in one process, in processor time per line, and then a program
that writes 100,000 lines in a second beside a task that computes, with and without kept lines. The
two take turns, so that a busy moment of the machine affects both.

Exit codes: 0; 2 for wrong options.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click

from flowkit.app import load_app
from flowkit.context import enter_attempt
from flowkit.system import LocalSystem
from flowkit.worker.log_backlog import Backlog
from flowkit.worker.log_frames import FrameReader
from flowkit.worker.output_pipe import OutputPipe, new_pipe

LINES = 100_000
TEXT = "x" * 90
APP = """
import subprocess, time
from flowkit import DAG, task

FLOOD = "import sys, time\\nfor _ in range(100):\\n sys.stdout.write(('x' * 90 + chr(10)) * 1000)\\n sys.stdout.flush()\\n time.sleep(0.01)"

@task
def floods():
    subprocess.run(["python3", "-c", FLOOD], check=True)

@task
def computes():
    began = time.perf_counter()
    for _ in range(60_000_000):
        pass
    return time.perf_counter() - began

with DAG("neighbours") as dag:
    dag.add(floods)
    dag.add(computes)
"""  # noqa: E501


def cost_per_line() -> tuple[float, float]:
    """Return the processor time in µs to write a line and to read it."""
    reader, writer = new_pipe()
    output, backlog = OutputPipe(writer), Backlog(2**20)
    frames = FrameReader(("W.0", "W.0a"), backlog.log_of)
    enter_attempt("run", "task", 1, {}, "life", 0, "W.0")
    write = read = 0.0
    for _ in range(LINES // 2000):
        began = time.thread_time()
        for _ in range(2000):
            output.add(("run", "task", 1), 20, "stdout", TEXT)
        written = time.thread_time()
        with backlog.adding():
            frames.feed(os.read(reader, 2**20))
        write, read = write + written - began, read + time.thread_time() - written
    os.close(reader)
    os.close(writer)
    return write / LINES * 1e6, read / LINES * 1e6


def seconds_of_neighbour(folder: Path, *, logs: bool) -> float:
    """Return how long the task computes beside the flood."""
    os.environ["FLOWKIT_TASK_LOGS"] = "true" if logs else "false"
    path = folder / "neighbours.py"
    path.write_text(APP)
    dag = load_app(str(path)).default_dag()
    with LocalSystem(path, processes=2, on_line=lambda line: None) as system:
        client = system.client()
        return float(str(client.submit(dag).wait_results(60)["computes"]))


@click.command()
@click.option("--repeat", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--neighbour/--no-neighbour", default=True, help="Also measure the neighbour.")
def main(repeat: int, neighbour: bool) -> None:
    """Measure what the lines of tasks cost."""
    write, read = cost_per_line()
    click.echo(f"a line: {write:.2f} µs to write, {read:.2f} µs to read (processor time)")
    if not neighbour:
        return
    times: dict[bool, list[float]] = {True: [], False: []}
    with TemporaryDirectory() as folder:
        for _ in range(repeat):
            for logs in (True, False):
                times[logs].append(seconds_of_neighbour(Path(folder), logs=logs))
    with_logs, without = median(times[True]), median(times[False])
    click.echo(f"beside {LINES:,} lines in a second: {with_logs:.3f} s with kept lines,")
    click.echo(f"{without:.3f} s without: {100 * (with_logs / without - 1):+.1f} %")


if __name__ == "__main__":
    main()
