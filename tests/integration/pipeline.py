"""A run with work of every kind, for tests of the ways to a Redis."""

from __future__ import annotations

import fault_app as app

from flowkit import DAG, Client


def pipeline(name: str = "pipeline") -> DAG:
    """Work of every kind: success, retry, failure, what is behind a failure, a coroutine."""
    with DAG(name, on_failure="continue") as dag:
        parts = [app.quick.bind(f"quick_{number}") for number in range(20)]
        parts >> app.total.bind("sum")
        app.flaky.bind("flaky", failures=2) >> app.apause.bind("pause", seconds=0.05)
        app.broken.bind("broken") >> app.quick.bind("behind")
        dag.add(app.drawn.bind("drawn", seed=1))
    return dag


def went_well(client: Client) -> None:
    run = client.submit(pipeline())
    assert run.wait(60) == "failed"
    assert run.status().counts == {"succeeded": 24, "failed": 1, "upstream_failed": 1}
    (letter,) = client.dead_letters()
    assert (letter.task, letter.error_type) == ("broken", "RuntimeError")
