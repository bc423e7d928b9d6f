"""Progress: what a run tells while it goes on, and that its last change is told in time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from stage import Stage, dag_of

from flowkit.scheduler.active import Active
from flowkit.scheduler.progress import PROGRESS_S
from flowkit.scheduler.resolver import Resolver


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def resolver(stage: Stage, clock: Clock) -> Resolver:
    return stage.resolver(monotonic=clock)


def counts(stage: Stage, run: str = "r1") -> dict[str, int]:
    return dict(stage.client.read_run(run).counts)


def test_the_last_change_is_told_though_nothing_happens_after_it(
    stage: Stage, resolver: Resolver, clock: Clock
) -> None:
    """Four of five tasks were over, and a client read 0 until the fifth was over too."""
    stage.submit(dag_of("a b", "c", "d"))
    resolver.run_once(1)
    stage.work(limit=2)
    resolver.run_once(1)
    assert counts(stage).get("succeeded", 0) == 0
    clock.now += PROGRESS_S
    assert resolver.run_once(1) == 0
    assert counts(stage).get("succeeded", 0) == 2


def test_changes_within_the_pause_are_one_message(
    stage: Stage, resolver: Resolver, clock: Clock
) -> None:
    stage.submit(dag_of("a b c d"))
    written: list[str] = []
    resolver._writer.progress = lambda run, text: written.append(run)  # type: ignore[method-assign]
    for _ in range(3):
        resolver.run_once(1)
        stage.work()
    clock.now += PROGRESS_S
    resolver.run_once(1)
    resolver.run_once(1)
    assert written == ["r1"]


def test_a_run_that_is_over_has_no_progress(stage: Stage, resolver: Resolver, clock: Clock) -> None:
    stage.submit(dag_of("a"))
    resolver.run_once(1)
    stage.work()
    resolver.run_once(1)
    before = stage.dump()
    clock.now += PROGRESS_S
    resolver.run_once(1)
    assert stage.dump() == before


def test_a_run_that_is_resumed_at_once_tells_its_own_counts(
    stage: Stage, resolver: Resolver, clock: Clock
) -> None:
    """Its earlier life, which is over, was remembered in its place, so nothing was told."""
    stage.submit(dag_of("a b"))
    resolver.run_once(1)
    stage.work()
    resolver.run_once(1)
    former = resolver.active["r1"]
    resumed = Active.of("r1", former.dag, former.state)
    resumed.progress_at = clock.now
    resolver._progress.note(resumed)
    assert resolver._progress._changed["r1"] is resumed
    assert len(resolver._progress._due) == 1


def test_runs_that_another_scheduler_leads_are_forgotten(
    stage: Stage, resolver: Resolver, clock: Clock
) -> None:
    stage.submit(dag_of("a b"))
    resolver.run_once(1)
    stage.work()
    resolver.run_once(1)
    clock.now += PROGRESS_S
    assert resolver._progress.due_in() == 0.0
    resolver.recover(resolver._store.read_cursor())
    assert resolver._progress.due_in() is None


def test_it_waits_no_longer_than_until_something_is_due(
    stage: Stage, resolver: Resolver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    read = resolver._store.read_announcements

    def reads(cursor: str, count: int, block_ms: int) -> object:
        waits.append(block_ms)
        return read(cursor, count, 1)

    monkeypatch.setattr(resolver._store, "read_announcements", reads)
    stage.submit(dag_of("a b"))
    resolver.run_once(1000)
    stage.work()
    resolver.run_once(1000)
    clock.now += PROGRESS_S / 5
    resolver.run_once(1000)
    clock.now += PROGRESS_S
    resolver.run_once(1000)
    resolver.run_once(1000)
    assert waits == [1000, 1000, 200, 1, 1000]
