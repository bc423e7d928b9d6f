"""The duties beside the resolver, each over a store that the test plays, and their loop."""

from __future__ import annotations

import pytest
from stage import LANE, Stage, dag_of

from flowkit.core.states import RunState
from flowkit.protocol.reply_errors import WrongType
from flowkit.protocol.spent import Flag
from flowkit.protocol.wrong_keys import wrong_keys
from flowkit.scheduler.active import Place
from flowkit.scheduler.janitor import Janitor
from flowkit.scheduler.loop import PAUSE_S, Duty, DutyLoop
from flowkit.scheduler.promoter import LIMIT, LONGEST_PAUSE_S, Promoter
from flowkit.scheduler.reaper import GRACE_S, Reaper
from flowkit.scheduler.writer import Writer

# -- the promoter -------------------------------------------------------------------------------


class Delayed:
    """Stands for a store in which so many attempts are due, and the next later."""

    def __init__(self, *replies: tuple[int, int]) -> None:
        self.replies = list(replies)

    def promote(self, limit: int, without_turns: object) -> tuple[int, int]:
        assert limit == LIMIT
        return self.replies.pop(0)


@pytest.mark.parametrize(
    ("reply", "pause"),
    [
        ((0, -1), LONGEST_PAUSE_S),
        ((3, 250), 0.25),
        ((0, 3_600_000), LONGEST_PAUSE_S),
        ((5, 0), 0.0),
        ((LIMIT, -1), 0.0),
    ],
)
def test_it_checks_again_when_the_next_retry_is_due(reply: tuple[int, int], pause: float) -> None:
    promoter = Promoter(Delayed(reply), lambda: 0)  # type: ignore[arg-type]
    assert promoter.run_once() == pause


def test_an_announced_retry_makes_it_check_early(stage: Stage) -> None:
    announced = 0
    promoter = Promoter(Delayed((0, -1), (0, -1)), lambda: announced)  # type: ignore[arg-type]
    assert promoter.due_early(), "it has never looked"
    promoter.run_once()
    assert not promoter.due_early()
    announced += 1
    assert promoter.due_early()
    promoter.run_once()
    assert not promoter.due_early()


def test_a_retry_becomes_claimable_when_it_is_due(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a"))
    resolver.run_once(1)
    stage.work("W")
    resolver.run_once(1)
    assert resolver.retries_seen == 1
    promoter = Promoter(resolver._store, lambda: resolver.retries_seen)
    stage.now += 999
    assert promoter.run_once() == pytest.approx(0.001)
    assert stage.claim() == []
    stage.now += 1
    promoter.run_once()
    (claim,) = stage.claim()
    assert claim.attempt == 2
    stage.end([claim])
    resolver.run_once(1)


# -- the reaper ---------------------------------------------------------------------------------


def test_a_lost_worker_s_attempts_are_taken_back(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a", "b"))
    resolver.run_once(1)
    stage.claim(1)
    reaper = _reaper(stage, resolver._store)
    stage.now += 3_600_000
    reaper.run_once()
    assert stage.states() == {"a": "queued", "b": "queued"}
    assert Flag.LOST in stage.records()["a"].spent.flags
    assert stage.records()["a"].attempt == 2
    assert Flag.LOST not in stage.records()["b"].spent.flags
    assert "workers" not in stage.dump()
    assert f"worker:{LANE}:claims" not in stage.dump()


def test_a_live_worker_is_not_reaped(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a"))
    resolver.run_once(1)
    stage.claim()
    before = stage.dump()
    _reaper(stage, resolver._store).run_once()
    assert stage.dump() == before


def test_a_new_leader_gives_workers_time_to_renew(stage: Stage) -> None:
    """Redis was away for longer than the lease. The workers are alive, and one of them would lose
    a task of many hours if the scheduler were the first to come back."""
    resolver = stage.resolver()
    stage.submit(dag_of("a"))
    resolver.run_once(1)
    stage.claim()
    clock = 100.0
    reaper = Reaper(resolver._store, stage.listener, monotonic=lambda: clock)
    stage.now += 3_600_000
    before = stage.dump()
    assert reaper.run_once() == GRACE_S
    assert stage.dump() == before
    stage.worker.heartbeat("W", 1000, [LANE])
    clock += GRACE_S
    reaper.run_once()
    assert stage.states() == {"a": "running"}


def _reaper(stage: Stage, store: object) -> Reaper:
    """A reaper whose grace is over."""
    times = iter([0.0])
    return Reaper(store, stage.listener, monotonic=lambda: next(times, GRACE_S))  # type: ignore[arg-type]


# -- the janitor --------------------------------------------------------------------------------


def test_runs_whose_keys_have_expired_are_forgotten(stage: Stage) -> None:
    resolver = stage.resolver()
    for run in ("gone", "kept"):
        stage.submit(dag_of("a"), run)
    stage.play(resolver, stage.work)
    keys = stage.client.keys
    stage.link.call("DEL", keys.run("gone"), keys.tasks("gone"))
    janitor = Janitor(resolver._store, stage.listener, 10.0, lambda: 0)
    assert janitor.run_once() == 10.0
    assert list(stage.dump()["runs"]) == ["kept"]


def test_it_repairs_queue_entries_each_time(stage: Stage) -> None:
    sweeps: list[int] = []
    janitor = Janitor(
        stage.leading(), stage.listener, 10.0, lambda: len(sweeps.append(1) or sweeps)
    )
    janitor.run_once()
    janitor.run_once()
    assert len(sweeps) == 2


# -- the loop -----------------------------------------------------------------------------------


class Counted(Duty):
    """A duty that counts its turns."""

    def __init__(self, pause: float) -> None:
        self.name = "counted"
        self.pause = pause
        self.turns = 0
        self.early = False

    def due_early(self) -> bool:
        return self.early

    def run_once(self) -> float:
        self.turns += 1
        return self.pause


def test_each_duty_runs_when_it_is_due_and_no_sooner() -> None:
    now = 0.0
    often, seldom = Counted(1.0), Counted(5.0)
    loop = DutyLoop([often, seldom], monotonic=lambda: now)
    assert loop.run_due(10.0) == 1.0
    assert (often.turns, seldom.turns) == (1, 1)
    now = 0.5
    assert loop.run_due(10.0) == 0.5
    now = 1.0
    loop.run_due(10.0)
    assert (often.turns, seldom.turns) == (2, 1)
    now = 6.0
    loop.run_due(10.0)
    assert (often.turns, seldom.turns) == (3, 2)


def test_a_duty_may_ask_to_run_early() -> None:
    now = 0.0
    duty = Counted(60.0)
    loop = DutyLoop([duty], monotonic=lambda: now)
    loop.run_due(1.0)
    loop.run_due(1.0)
    assert duty.turns == 1
    duty.early = True
    loop.run_due(1.0)
    assert duty.turns == 2


class Broken(Counted):
    """Meets a key of another type."""

    broken = True

    def run_once(self) -> float:
        super().run_once()
        if self.broken:
            raise WrongType("WRONGTYPE")
        return self.pause


def test_a_duty_pauses_on_a_key_of_another_type_and_others_continue() -> None:
    now, messages = 0.0, list[str]()
    broken, other = Broken(1.0), Counted(1.0)
    broken.name, broken.early = "janitor", True
    loop = DutyLoop(
        [broken, other],
        on_wrong_type=lambda duty, error: messages.append(duty),
        monotonic=lambda: now,
    )
    for _ in range(3):
        loop.run_due(1.0)
        now += 1.0
    assert (messages, broken.turns, other.turns) == (["janitor"], 1, 3), "not even early"
    now, broken.broken, broken.early = PAUSE_S, False, False
    loop.run_due(1.0)
    now += 1.0
    loop.run_due(1.0)
    assert (messages, broken.turns) == (["janitor"], 3)
    with pytest.raises(WrongType):
        DutyLoop([Broken(1.0)], monotonic=lambda: 0.0).run_due(1.0)


def test_a_key_of_another_type_is_named_with_advice(stage: Stage) -> None:
    assert wrong_keys(stage.client) == ""
    keys = stage.client.keys
    stage.client.link.call("SET", keys.dead(), "x")
    stage.client.link.call("RPUSH", keys.cursor(), "x")
    stage.client.link.call("SET", keys.parents(), "x")
    try:
        assert wrong_keys(stage.client) == (
            f"{keys.parents()} is no set and {keys.dead()} is no sorted set and {keys.cursor()} is "
            "no string: delete or rename it"
        )
    finally:
        stage.client.link.call("DEL", keys.dead(), keys.cursor(), keys.parents())


def test_it_never_waits_longer_than_told() -> None:
    assert DutyLoop([Counted(60.0)], monotonic=lambda: 0.0).run_due(0.5) == 0.5
    assert DutyLoop([], monotonic=lambda: 0.0).run_due(0.5) == 0.5
    assert DutyLoop([Counted(-3.0)], monotonic=lambda: 0.0).run_due(0.5) == 0.0


# -- the writer ---------------------------------------------------------------------------------


class Applied:
    """Stands for the store; keeps what was written, or refuses."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[object]]] = []
        self.refuses = False

    def apply(self, cursor: str, commands: list[object]) -> list[str]:
        if self.refuses:
            raise OSError("away")
        self.calls.append((cursor, list(commands)))
        return []


def test_the_cursor_travels_with_the_last_part() -> None:
    """A crash between the parts must replay all of them."""
    store = Applied()
    writer = Writer(store)  # type: ignore[arg-type]
    writer.queue("r1", Place("default", "5", ""), range(2500))
    writer.finish("r2", RunState.SUCCEEDED, None, "")
    writer.move_cursor("9-9")
    writer.flush()
    assert [cursor for cursor, _ in store.calls] == ["", "", "9-9"]
    sizes = [commands[5] for _, commands in store.calls]
    assert sizes == [1000, 1000, 500]
    assert store.calls[-1][1][-5:] == ["finish", "r2", "succeeded", "", ""]


def test_no_call_is_made_without_commands() -> None:
    store = Applied()
    writer = Writer(store)  # type: ignore[arg-type]
    writer.flush()
    writer.queue("r1", Place("default", "5", ""), [])
    writer.flush()
    assert store.calls == []


def test_commands_keep_their_order() -> None:
    store = Applied()
    writer = Writer(store)  # type: ignore[arg-type]
    writer.queue("r1", Place("default", "5", ""), [0])
    writer.progress("r1", "queued=1")
    writer.finish("r1", RunState.FAILED, 0, "failed=1")
    writer.flush()
    ((_, commands),) = store.calls
    verbs = [word for word in commands if word in ("queue", "progress", "finish")]
    assert verbs == ["queue", "progress", "finish"]


def test_a_run_begins_in_the_call_that_queues_its_first_tasks() -> None:
    """In another call nothing would be known of a run that was refused, and its tasks queued."""
    store, place = Applied(), Place("default", "5", "")
    writer = Writer(store)  # type: ignore[arg-type]
    writer.queue("r1", place, range(997))
    writer.begin("r2", "digest", 3)
    writer.queue("r2", place, range(3))
    writer.flush()
    (call,) = [commands for _, commands in store.calls if "begin" in commands]
    assert call.count("r2") == 2
