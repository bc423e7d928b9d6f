"""Submits runs of one app, as many as are to be unfinished at any time, until a gate opens.

python chaos_submitter.py APP GATE RUNS TASKS MS

Each run has the name ``APP-NUMBER``, and layers of tasks of all functions of the app.
"""

from __future__ import annotations

import random
import sys
import time
from importlib import import_module
from pathlib import Path

from chaos_app import is_open

from flowkit import DAG, Client, RunHandle, Task

WIDTH = 25


def drawn(functions: dict[str, Task[..., object]], tasks: int, ms: float) -> DAG:
    """Draw layers of tasks, each of which needs one or two of the layer before it."""
    dag = DAG("service")
    before: list[Task[..., object]] = []
    names = sorted(functions)
    with dag:
        for first in range(0, tasks, WIDTH):
            numbers = range(first, min(first + WIDTH, tasks))
            layer = [functions[names[n % len(names)]].bind(f"t{n}", ms=ms) for n in numbers]
            for item in layer:
                dag.add(item)
                if before:
                    random.sample(before, min(len(before), random.randint(1, 2))) >> item
            before = layer
    return dag


def main(app: str, gate: str, runs: int, tasks: int, ms: float) -> None:
    sys.path.insert(0, str(Path(app).parent))
    module = import_module(Path(app).stem)
    number, unfinished = 0, list[RunHandle]()
    with Client.connect() as client:
        while not is_open(gate):
            unfinished = [run for run in unfinished if run.record().state.value == "running"]
            while len(unfinished) < runs:
                dag = drawn(module.FUNCTIONS, tasks, ms)
                unfinished.append(client.submit(dag, run_id=f"{module.APP}-{number}"))
                number += 1
            time.sleep(0.05)


if __name__ == "__main__":
    _, app, gate, runs, tasks, ms = sys.argv
    main(app, gate, int(runs), int(tasks), float(ms))
