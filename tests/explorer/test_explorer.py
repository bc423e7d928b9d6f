"""Small systems are explored to the last state; mistakes that are planted in them are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from . import safety, scheduler_scripts, scripts
from .explore import Search
from .model import Draft
from .pieces import Reply
from .setups import setup
from .state import Setup

WORK_LOST = frozenset({"death", "reply", "hints"})
SYSTEMS = {
    "a diamond, one fault": setup("diamond", faults=1),
    "a task, a fault, a failure, a cancel and a resume": setup(
        "one", pairs=1, faults=1, failures=1, cancels=1, resumes=1
    ),
    "a task, two lost leases or replies, from the start": setup(
        "one", pairs=1, faults=2, kinds=frozenset({"lapse", "reply"}), cold=True
    ),
    "a diamond with a retry, a cancel and a resume": setup(
        "diamond", pairs=1, retries=1, failures=2, cancels=1, resumes=1
    ),
    "a diamond with a clean-up, a retry and a cancel": setup(
        "cleanup", retries=1, failures=2, cancels=1, graph_known=True
    ),
    "a task that waits and is hastened, a cancel and a fault": setup(
        "one", pairs=1, retries=1, failures=1, hastens=1, cancels=1, faults=1, delay=500
    ),
    "a task that comes again, a fault, a failure, a cancel and a resume": setup(
        "one", pairs=1, retries=1, agains=1, faults=1, failures=1, cancels=1, resumes=1
    ),
    "a task that comes again, a failure and a resume": setup(
        "one", pairs=1, retries=1, agains=2, failures=2, resumes=1
    ),
    "a task that comes again, a lost lease or reply": setup(
        "one", pairs=1, agains=2, faults=1, kinds=frozenset({"lapse", "reply"})
    ),
    "a task that comes again, is hastened and cancelled": setup(
        "one", pairs=1, agains=2, hastens=2, cancels=1, delay=500
    ),
    "a chain with a task that must not start twice": setup("once", pairs=1, failures=1, faults=1),
    "a list of two that is mapped, and a fault": setup("mapped", pairs=1, faults=1),
    "a list of two that is mapped, a failure, a cancel and a resume": setup(
        "mapped", pairs=1, retries=1, failures=2, cancels=1, resumes=1
    ),
    "an item that is resumed with what is behind it": setup(
        "mapped", pairs=1, failures=1, resumes=1, named="3"
    ),
    "a list whose task runs again": setup("mapped", pairs=1, resumes=1, named="0", faults=1),
    "an empty list that is mapped, and a fault": setup("mapped", pairs=1, faults=1, length=0),
    "a tree with results that are dropped, a failure and a resume": setup(
        "dropped", pairs=1, failures=1, resumes=1
    ),
    "a tree with results that are dropped, and a fault": setup("dropped", pairs=1, faults=1),
    "a chain in batches, resumed from its first task": setup(
        "two", pairs=1, batch=2, failures=1, resumes=1, named="0", skippable=frozenset({"a"})
    ),
    "a chain that waits for turns, a retry and a fault": setup(
        "two", pairs=1, batch=2, small=0, retries=1, failures=1, faults=1
    ),
    "a task that one of two apps lacks, from the start": setup(
        "one", others="a", apps=(1, 2), cold=True
    ),
    "a chain with turns, its end lacking in one of two apps, a fault": setup(
        "two", small=0, batch=2, others="b", apps=(1, 2), faults=1, kinds=WORK_LOST
    ),
    "a chain under two versions of its app, one fault": setup(
        "two", apps=(1, 1), versions=("1", "2"), faults=1
    ),
}
# The larger ones have more faults in more orders, not other ones.
LARGE = {
    "a task, two lost leases or replies, from the start",
    "a diamond with a retry, a cancel and a resume",
    "a list of two that is mapped, a failure, a cancel and a resume",
    "an item that is resumed with what is behind it",
    "a task that waits and is hastened, a cancel and a fault",
    "a diamond, one fault",
    "a task, a fault, a failure, a cancel and a resume",
    "a diamond with a clean-up, a retry and a cancel",
    "a task that comes again, a fault, a failure, a cancel and a resume",
    "a chain under two versions of its app, one fault",
    "a chain with turns, its end lacking in one of two apps, a fault",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LARGE else []) for name in SYSTEMS],
)
def test_every_state_is_valid_and_can_reach_an_end(name: str) -> None:
    report = Search(SYSTEMS[name]).run()
    assert not report.wrong, "\n".join([report.wrong, *report.trace])
    assert report.complete
    assert report.ends > 1


# -- mistakes ---------------------------------------------------------------------------------


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Any], None]]:
    """Replace a script of the model; what is remembered of it is forgotten before and after."""

    def replace(name: str, by: Any) -> None:
        if name in scripts.SCRIPTS:
            monkeypatch.setitem(scripts.SCRIPTS, name, by)
        else:
            monkeypatch.setattr(scheduler_scripts, name, by)
        _forget()

    yield replace
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    scripts.play.cache_clear()
    safety._wrong_with.cache_clear()


def found(which: Setup) -> tuple[str, str]:
    """Return what a search finds, and the last move of its trace."""
    report = Search(which, most=100_000).run()
    return report.wrong.partition(":")[0], report.trace[-1] if report.trace else ""


def test_the_search_finds_a_worker_forgotten_with_its_new_lane(
    plant: Callable[[str, Any], None],
) -> None:
    def retire(d: Draft, worker: str, lanes: tuple[str, ...]) -> Reply:
        d.lanes.pop(worker, None)
        return before(d, worker, lanes)

    before = scripts.retire
    plant("retire", retire)
    which = setup("one", pairs=1, faults=1, kinds=frozenset({"lapse"}), cold=True)
    wrong, last = found(which)
    assert wrong == "who_runs_is_watched"
    assert "claim" in last


def test_elements_that_a_dead_attempt_could_replace_are_found(
    plant: Callable[[str, Any], None],
) -> None:
    """Without its fence, a lane that was reaped stores elements of a task that is over."""

    def store_items(d: Draft, lane: str, task: int, *args: Any) -> Reply:
        record = d.tasks[task]
        if record.code == "S":
            d.blocks.clear()
        return before(d, lane, task, *args)

    before = scripts.SCRIPTS["store_items"]
    plant("store_items", store_items)
    which = setup("mapped", faults=1, kinds=frozenset({"lapse"}))
    assert found(which)[0] == "elements_are_there"


def test_an_end_that_ends_a_resumed_run_is_found(plant: Callable[[str, Any], None]) -> None:
    def finish(d: Draft, *args: str) -> None:
        (d.run or {}).pop("resuming", None)
        before(d, *args)

    before = scheduler_scripts._finish
    plant("_finish", finish)
    which = setup("one", pairs=1, faults=1, failures=1, cancels=1, resumes=1)
    wrong, last = found(which)
    assert wrong == "ends_as_it_should"
    assert "finish" in last


def test_an_outcome_that_frees_a_later_claim_is_found(plant: Callable[[str, Any], None]) -> None:
    def complete(d: Draft, lane: str, *args: Any) -> Reply:
        for token, _ in args[4]:
            d.claims.get(lane, {}).pop(int(token.partition(",")[0]), None)
        return before(d, lane, *args)

    before = scripts.complete
    plant("complete", complete)
    wrong, last = found(SYSTEMS["a task, two lost leases or replies, from the start"])
    assert wrong == "claims_and_records_agree"
    assert "complete" in last


def test_an_attempt_that_is_forgotten_is_found(plant: Callable[[str, Any], None]) -> None:
    def reap(d: Draft, *args: Any) -> Reply:
        told = list(d.history)
        reply = before(d, *args)
        d.history = told
        return reply

    before = scripts.reap
    plant("reap", reap)
    wrong, last = found(SYSTEMS["a task, two lost leases or replies, from the start"])
    assert wrong == "replaced_attempts_are_remembered"
    assert "reap" in last


def test_a_result_dropped_too_early_is_found(plant: Callable[[str, Any], None]) -> None:
    def queue(d: Draft, verb: str, *args: Any) -> None:
        before(d, verb, *args)
        scheduler_scripts._drop(d, (0,))

    before = scheduler_scripts._queue
    plant("_queue", queue)
    wrong, _ = found(setup("dropped", pairs=1))
    assert wrong == "results_are_there_while_needed"


def test_a_dead_end_is_found(plant: Callable[[str, Any], None]) -> None:
    def promote(d: Draft, *args: Any) -> Reply:
        d.delayed.clear()
        return ("OK", 0, -1)

    plant("promote", promote)
    which = setup("one", pairs=1, retries=1, failures=1)
    assert found(which)[0] != ""


def test_a_hastened_task_that_is_not_entered_anew_is_found(
    plant: Callable[[str, Any], None],
) -> None:
    def hasten(d: Draft, *args: Any) -> Reply:
        delayed = dict(d.delayed)
        reply = before(d, *args)
        d.delayed = delayed
        return reply

    before = scripts.hasten
    plant("hasten", hasten)
    which = setup("one", pairs=1, retries=1, failures=1, hastens=1, delay=500)
    assert "no end can be reached" in found(which)[0]


def test_a_memory_that_outlives_a_resume_is_found(plant: Callable[[str, Any], None]) -> None:
    def reset(d: Draft, *args: Any) -> Reply:
        memories = dict(d.memories)
        reply = before(d, *args)
        d.memories = memories
        return reply

    before = scripts.reset
    plant("reset", reset)
    wrong, last = found(setup("one", pairs=1, agains=1, failures=1, resumes=1))
    assert wrong == "who_comes_again_has_a_memory"
    assert "reset" in last


def test_a_memory_that_is_not_kept_is_found(plant: Callable[[str, Any], None]) -> None:
    def complete(d: Draft, *args: Any) -> Reply:
        memories = dict(d.memories)
        reply = before(d, *args)
        d.memories = memories
        return reply

    before = scripts.complete
    plant("complete", complete)
    wrong, last = found(setup("one", pairs=1, agains=1))
    assert wrong == "who_comes_again_has_a_memory"
    assert "complete" in last


def test_an_attempt_that_is_lost_when_it_is_handed_on_is_found(
    plant: Callable[[str, Any], None],
) -> None:
    def release(d: Draft, lane: str, once: str, tasks: Any, function: str = "") -> Reply:
        if not function:
            return before(d, lane, once, tasks)
        for task in tasks:
            d.claims[lane].pop(task, None)
        return ("OK", len(tasks))

    before = scripts.release
    plant("release", release)
    wrong, last = found(SYSTEMS["a task that one of two apps lacks, from the start"])
    assert wrong == "claims_and_records_agree"
    assert "release" in last


@pytest.mark.parametrize(("name", "field"), [("claim", "@A0"), ("complete", "ran")])
def test_a_version_that_is_not_noted_is_found(
    plant: Callable[[str, Any], None], name: str, field: str
) -> None:
    def noting(d: Draft, *args: Any) -> Reply:
        reply = before(d, *args)
        if d.run is not None:
            d.run.pop(field, None)
        return reply

    before = getattr(scripts, name)
    plant(name, noting)
    which = setup("one", pairs=1, apps=(1,), versions=("1",))
    wrong, last = found(which)
    assert wrong == "versions_are_noted"
    assert name in last
