"""Schedulers share the shards: who passes its lease on, to whom, and that it comes to rest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from helpers import wait_until
from stage import Stage

from flowkit.exceptions import LeaseLost, WrongShards
from flowkit.protocol.lease_store import LeaseReply
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.scheduler.leader import Leader
from flowkit.scheduler.shard_balance import LeadershipCounts, ShardBalance

LEASE, POLL = 3.0, 0.5


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def counts_of(shards: int, clock: Clock, leads: int = 0) -> LeadershipCounts:
    """Counts in which the first so many shards are led."""
    counts = LeadershipCounts(shards, LEASE / 2, monotonic=clock)
    for position in range(leads):
        counts.note(position, leads=True)
    return counts


# -- when a lease is passed on ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "standby", "gives_way"),
    [(2, 0, True), (3, 1, True), (4, 0, True), (1, 0, False), (2, 1, False), (2, 2, False),
     (2, 5, False), (4, -1, False)],
)  # fmt: skip
def test_a_lease_goes_to_a_standby_that_leads_at_least_two_fewer(
    mine: int, standby: int, gives_way: bool
) -> None:
    balance = ShardBalance(counts_of(4, Clock(), mine), 0)
    assert balance.total == mine
    assert balance.should_hand_over_to(standby) is gives_way


def test_the_children_of_a_process_take_turns() -> None:
    """Two that hear of one standby at a time would both give it their leases."""
    clock = Clock()
    counts = counts_of(4, clock, 4)
    for turn in range(8):
        clock.now = (turn + 0.5) * LEASE / 2
        able = [at for at in range(4) if ShardBalance(counts, at).should_hand_over_to(0)]
        assert able == [turn % 4]


def test_after_a_handover_the_next_child_waits_one_turn() -> None:
    """So long it takes until the others hear how many the heir leads by then."""
    clock = Clock()
    counts = counts_of(4, clock, 4)
    clock.now = LEASE / 2 - 0.1
    ShardBalance(counts, 0).note_handed_over()
    assert counts.total() == 3
    clock.now = LEASE / 2 + 0.1
    assert not ShardBalance(counts, 1).should_hand_over_to(0)
    clock.now = LEASE - 0.05
    assert ShardBalance(counts, 1).should_hand_over_to(0)


# -- the leader duty ----------------------------------------------------------------------------


class Court:
    """Stands for the store of a leader, whose standby leads so many shards."""

    def __init__(self, standby: int) -> None:
        self.reply = LeaseReply(True, 3, cursor="5-0", standby=standby)
        self.heir: str | Exception | None = "heir"
        self.told: list[int | None] = []
        self.leases: list[int] = []
        self.passed: list[tuple[int, int, int]] = []

    def acquire_lease(self, lease_ms: int, shards: int | None = None) -> LeaseReply:
        self.leases.append(lease_ms)
        self.told.append(shards)
        return self.reply

    def hand_over_lease(self, term: int, lease_ms: int, most: int) -> str | None:
        self.passed.append((term, lease_ms, most))
        if isinstance(self.heir, Exception):
            raise self.heir
        return self.heir


def leader_of(court: Court, balance: ShardBalance | None, clock: Clock) -> Leader:
    return Leader(court, LEASE, POLL, shard_balance=balance, monotonic=clock)  # type: ignore[arg-type]


def test_a_leader_of_too_many_shards_hands_over_and_stands_by() -> None:
    clock, court = Clock(), Court(standby=0)
    balance = ShardBalance(counts_of(4, clock, 3), 0)
    leader = leader_of(court, balance, clock)
    leader.run_once()
    assert court.passed == [(3, 3000, 1)]
    assert leader.leadership() is None
    assert leader.successor() == "heir"
    assert balance.total == 2


def test_a_standby_that_left_gets_nothing() -> None:
    clock, court = Clock(), Court(standby=0)
    court.heir = None
    leader = leader_of(court, ShardBalance(counts_of(4, clock, 3), 0), clock)
    leader.run_once()
    assert leader.leadership() is not None
    assert leader.successor() == ""


def test_a_lease_lost_during_the_handover_is_just_lost() -> None:
    clock, court = Clock(), Court(standby=0)
    court.heir = LeaseLost("another one leads")
    leader = leader_of(court, ShardBalance(counts_of(4, clock, 3), 0), clock)
    with pytest.raises(LeaseLost):
        leader.run_once()


def test_a_standby_says_when_it_stops() -> None:
    clock, court = Clock(), Court(standby=0)
    court.reply = LeaseReply(False, holder="other", left_ms=400)
    leader = leader_of(court, ShardBalance(counts_of(4, clock), 0), clock)
    leader.start()
    wait_until("it stands by", lambda: court.told != [])
    leader.stop()
    assert court.leases[-1] == 0


def test_a_scheduler_of_one_shard_neither_reports_nor_hands_over() -> None:
    clock, court = Clock(), Court(standby=0)
    leader = leader_of(court, None, clock)
    leader.run_once()
    assert (court.told, court.passed) == ([None], [])
    assert leader.leadership() is not None


def test_a_shard_without_redis_does_not_count_after_its_lease() -> None:
    """Else a scheduler would look busy with what nobody can lead."""
    clock, court = Clock(), Court(standby=-1)
    balance = ShardBalance(counts_of(2, clock), 1)
    leader = leader_of(court, balance, clock)
    leader.run_once()
    assert balance.total == 1
    leader.let_go_if_over()
    assert balance.total == 1
    clock.now += LEASE
    leader.let_go_if_over()
    assert balance.total == 0


# -- several processes on the real scripts --------------------------------------------------------


class Process:
    """A scheduler process of several shards: a leader duty for each, on one server."""

    def __init__(self, stage: Stage, name: str, shards: int, clock: Clock) -> None:
        counts = LeadershipCounts(shards, LEASE / 2, monotonic=clock)
        self.leaders: list[Leader] = []
        self.due = [0.0] * shards
        for at in range(shards):
            store = SchedulerStore(
                stage.link, f"{stage.namespace}.{at}", f"{name}-{at}",
                shard_position=f"{at}/{shards}", now_ms=stage.clock,
            )  # fmt: skip
            balance = ShardBalance(counts, at)
            self.leaders.append(Leader(store, LEASE, POLL, shard_balance=balance, monotonic=clock))

    def leads(self) -> int:
        return sum(leader.leadership() is not None for leader in self.leaders)

    def work(self, now: float) -> None:
        for at, leader in enumerate(self.leaders):
            leader.leadership()  # as the main thread does
            if now >= self.due[at]:
                self.due[at] = now + leader.run_once()


class Systems:
    """Processes under one clock, which the test moves; what is led by whom."""

    def __init__(self, stage: Stage, shards: int) -> None:
        self.stage, self.shards, self.clock = stage, shards, Clock()
        self.processes: list[Process] = []

    def add(self, name: str) -> Process:
        self.processes.append(Process(self.stage, name, self.shards, self.clock))
        return self.processes[-1]

    def pass_time(self, seconds: float) -> list[tuple[int, ...]]:
        """Return who led how many shards, one entry for each change."""
        seen: list[tuple[int, ...]] = []
        for _ in range(round(seconds * 20)):
            self.clock.now += 0.05
            self.stage.now += 50
            for process in self.processes:
                process.work(self.clock.now)
            seen.append(tuple(process.leads() for process in self.processes))
        return [led for led, _ in itertools.groupby(seen)]


@pytest.fixture
def systems(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Systems]:
    yield Systems(stage, request.param)
    for at in range(request.param):
        for key in ("leader", "layout", "standby"):
            stage.link.call("DEL", f"{{{stage.namespace}.{at}}}:{key}")


@pytest.mark.parametrize(
    ("systems", "halves"), [(2, (1, 1)), (4, (2, 2)), (5, (3, 2)), (8, (4, 4))],
    indirect=["systems"],
)  # fmt: skip
def test_the_second_scheduler_gets_half_of_the_shards_and_then_nothing_moves(
    systems: Systems, halves: tuple[int, int]
) -> None:
    systems.add("a")
    assert systems.pass_time(3)[-1] == (systems.shards,)
    systems.add("b")
    rounds = systems.pass_time(40)
    assert rounds[-1] == halves
    firsts = [led[0] for led in rounds]
    assert firsts == sorted(firsts, reverse=True), "a lease went to and fro"
    assert len(systems.pass_time(60)) == 1, "leases move though all is shared"


@pytest.mark.parametrize("systems", [4], indirect=True)
def test_the_shards_of_one_that_dies_go_to_the_others_within_a_lease_and_a_poll(
    systems: Systems,
) -> None:
    systems.add("a")
    dies = systems.add("b")
    systems.pass_time(20)
    assert dies.leads() == 2
    systems.processes.remove(dies)
    assert systems.pass_time(LEASE + POLL + 0.1)[-1] == (4,)


@pytest.mark.parametrize("systems", [7], indirect=True)
def test_three_schedulers_balance_their_shards(systems: Systems) -> None:
    for name in "abc":
        systems.add(name)
    assert sorted(systems.pass_time(60)[-1]) == [2, 2, 3]
    assert len(systems.pass_time(60)) == 1


@pytest.mark.parametrize("systems", [2], indirect=True)
def test_a_scheduler_with_another_list_is_told_why_it_never_leads(systems: Systems) -> None:
    systems.add("a")
    systems.pass_time(1)
    stage = systems.stage
    store = SchedulerStore(
        stage.link, f"{stage.namespace}.1", "z", shard_position="1/3", now_ms=stage.clock
    )
    leader = Leader(store, LEASE, POLL, monotonic=systems.clock)
    leader.start()
    leader._thread.join(10)
    assert isinstance(leader.refused, WrongShards)
    assert "shard 1/3, but its schedulers made it shard 1/2" in str(leader.refused)
