"""Facts of a run's life before it was resumed say nothing of the one after."""

from __future__ import annotations

import pytest
from stage import Stage, dag_of

from flowkit.scheduler.resolver import Resolver


def test_a_fact_from_before_a_resume_does_not_end_the_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task fails while a takeover has begun to look, the run is ended by it and then resumed;
    the fact comes behind the replayed events, and the resume behind the fact."""
    stage.submit(dag_of("a"))
    stage.resolver().run_once(1)
    held = stage.claim()
    stage.client.cancel("r1")
    store = stage.leading("s2")
    active_runs = store.active_runs

    def late() -> list[str]:
        stage.end(held, "F")
        return active_runs()

    monkeypatch.setattr(store, "active_runs", late)
    second = Resolver(store, stage.listener, 100, monotonic=lambda: 0.0)
    second.recover(store.read_cursor())
    assert stage.outcome() == "cancelled"
    stage.client.resume("r1")
    second.run_once(1)
    assert stage.states() == {"a": "queued"}
    assert stage.work() == ["a"]
    second.run_once(1)
    assert stage.outcome() == "succeeded"
