"""The scheduler's scripts: acquire_lease, apply, end_tasks, promote, requeue, and their fence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers import EXPIRING
from world import HOUR_MS, LIST, START, World, done

from flowkit.client.no_leader import no_leader
from flowkit.core.states import RunState, TaskState
from flowkit.exceptions import LeaseLost
from flowkit.protocol.lease_store import LeaseReply
from flowkit.protocol.scheduler_store import SchedulerStore


def rival(world: World, name: str = "s2") -> SchedulerStore:
    return SchedulerStore(world.link, world.namespace, name, now_ms=lambda: world.now)


class TestLead:
    def test_taking_renewing_and_taking_over(self, world: World) -> None:
        other = rival(world)
        assert world.scheduler.acquire_lease(1000) == LeaseReply(True, 1, cursor="0")
        assert world.dump() == {"leader": f"s1,1,{START + 1000}", "layout": "0/1/1", EXPIRING: []}
        world.now += 600
        assert other.acquire_lease(1000) == LeaseReply(False, holder="s1", left_ms=400)
        assert world.scheduler.acquire_lease(1000) == LeaseReply(True, 1)
        world.now += 1000
        assert other.acquire_lease(1000) == LeaseReply(True, 2, cursor="0")
        assert world.scheduler.acquire_lease(1000) == LeaseReply(False, holder="s2", left_ms=1000)
        assert world.dump()["leader"] == f"s2,2,{world.now + 1000}"

    def test_a_lease_that_nobody_took_can_be_renewed_late(self, world: World) -> None:
        world.scheduler.acquire_lease(1000)
        world.now += 5000
        assert world.scheduler.acquire_lease(1000) == LeaseReply(True, 1)

    def test_giving_up_lets_another_one_in_at_once(self, world: World) -> None:
        world.scheduler.acquire_lease(1000)
        assert world.client.has_leader() is True
        world.scheduler.acquire_lease(0)
        assert world.client.has_leader() is False
        assert rival(world).acquire_lease(1000) == LeaseReply(True, 2, cursor="0")

    def test_a_lease_that_has_ended_may_be_of_a_scheduler_that_cannot_renew_it(
        self, world: World
    ) -> None:
        """To be told to start one helps nobody whose Redis is full."""
        assert no_leader(world.client.lease_left_ms()) == "No scheduler is running"
        world.scheduler.acquire_lease(1000)
        assert no_leader(world.client.lease_left_ms()) == ""
        world.now += 41_000
        assert "cannot renew its lease, which ended 40 s ago" in no_leader(
            world.client.lease_left_ms()
        )
        assert world.client.has_leader() is False

    def test_who_does_not_lead_gives_nothing_up(self, world: World) -> None:
        world.scheduler.acquire_lease(1000)
        before = world.dump()
        rival(world).acquire_lease(0)
        assert world.dump() == before

    def test_giving_up_what_nobody_has_begins_no_term(self, world: World) -> None:
        assert world.scheduler.acquire_lease(0).term == 0
        assert "leader" not in world.dump()

    def test_the_cursor_is_handed_over(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        world.apply(cursor="5-0")
        world.now += HOUR_MS
        assert rival(world).acquire_lease(1000).cursor == "5-0"


FENCED: dict[str, Callable[[SchedulerStore], object]] = {
    "apply": lambda store: store.apply("9-9", ["queue", "r1", LIST, "5", "", 1, 1]),
    "finish": lambda store: store.apply("", ["finish", "r1", "failed", "", ""]),
    "stop_run": lambda store: store.stop_run("r1", RunState.FAILED),
    "end_tasks": lambda store: store.end_tasks("r1", TaskState.CANCELLED, [0, 1], notify=True),
    "reset": lambda store: store.reset("r1", [0]),
    "prune_dead_letters": lambda store: store.prune_dead_letters(0, 10),
    "requeue": lambda store: store.requeue("r1", [(0, LIST, "5")]),
    "promote": lambda store: store.promote(10),
    "quarantine_event": lambda store: store.quarantine_event(["1-1 nonsense"]),
    "forget": lambda store: store.forget(["r9"]),
    "drop_stale_entries": lambda store: store.drop_stale_entries(0, 10),
    "hand_over_lease": lambda store: store.hand_over_lease(store.term, 1000, 9),
}


@pytest.mark.parametrize("call", FENCED.values(), ids=FENCED.keys())
@pytest.mark.parametrize("who", ["an old term", "another scheduler", "no leader"])
def test_a_write_under_a_stale_lease_changes_nothing(
    world: World, call: Callable[[SchedulerStore], object], who: str
) -> None:
    world.ready(0)
    store = world.scheduler
    if who == "an old term":
        store.term = 0
    elif who == "another scheduler":
        store = rival(world)
        store.term = 1
    else:
        world.link.call("DEL", world.keys.leader())
    before = world.dump()
    with pytest.raises(LeaseLost, match="no longer leads"):
        call(store)
    assert world.dump() == before


class TestQueue:
    def test_pending_tasks_become_claimable(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        assert world.changed_by(lambda: world.queue(3, 1)) == {
            "run:r1:tasks": {"3": "Q1,,0,,", "1": "Q1,,0,,"},
            f"ready:{LIST}:5": ["r1,3,1", "r1,1,1"],
            "levels": {LIST: "5"},
            f"wake:{LIST}": ["1", "1"],
        }

    @pytest.mark.parametrize("code", "QRWSFKUC")
    def test_a_task_in_any_other_state_stays(self, world: World, code: str) -> None:
        world.submit()
        world.acquire_lease()
        world.link.call("HSET", world.keys.tasks("r1"), "0", f"{code}1,W.0,0,0,5")
        assert world.changed_by(lambda: world.queue(0)) == {}

    def test_nothing_of_a_run_that_is_over_or_unknown(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        world.finish()
        assert world.changed_by(lambda: world.queue(0)) == {}
        assert world.changed_by(lambda: world.queue(0, run="r9")) == {}

    def test_nothing_of_a_run_that_begins_and_ends_in_the_same_call(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        begun = ["begin", "r1", world.submission().digest]
        ended = ["finish", "r1", "failed", "", "failed=1"]
        world.apply(*begun, *ended, "queue", "r1", LIST, "5", "", 1, 0)
        assert world.records("r1") == {}

    def test_several_commands_in_one_call(self, world: World) -> None:
        world.submit("r1")
        world.submit("r2")
        world.acquire_lease()
        commands = ["queue", "r1", LIST, "5", "", 2, 0, 1, "progress", "r1", "running=2"]
        commands += [
            "finish",
            "r2",
            "failed",
            "3",
            "failed=1",
            "queue",
            "r1",
            "mail",
            "9",
            "",
            1,
            2,
        ]
        world.apply(*commands)
        assert world.client.ready_lists() == {LIST: 2, "mail": 1}
        assert world.client.read_run("r1").counts == {"running": 2}
        second = world.client.read_run("r2")
        assert (second.state, second.failed_task) == (RunState.FAILED, 3)

    def test_a_thousand_tasks_in_one_command(self, world: World) -> None:
        world.submit(total=1000)
        world.acquire_lease()
        world.queue(*range(1000))
        assert world.client.ready_lists() == {LIST: 1000}


class TestCursor:
    def test_it_moves_and_trims_what_is_behind_it(self, world: World) -> None:
        for number in range(1, 4):
            world.submit(f"r{number}")
        world.acquire_lease()
        events = world.scheduler.read_events("0", 10, 10)
        assert [[kind for kind, _ in pairs] for _, pairs in events] == [[b"submit"]] * 3
        world.apply(cursor=events[1][0])
        assert world.dump()["cursor"] == events[1][0]
        assert world.scheduler.read_events("0", 10, 10) == events[1:]
        assert world.scheduler.read_events(events[1][0], 10, 10) == events[2:]

    def test_without_one_it_stays(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        assert world.changed_by(lambda: world.apply()) == {}

    def test_reading_waits_for_a_first_event(self, world: World) -> None:
        assert world.scheduler.read_events("0", 10, 5) == []


class TestTurnOver:
    def states(self, world: World) -> None:
        """Task 0 runs, 1 is queued, 2 waits, 3 is pending."""
        world.running(0, 2)
        world.complete(done(2, "W"))
        world.queue(1)
        world.scheduler.stop_run("r1", RunState.CANCELLED)

    def test_what_does_not_run_is_over_and_what_runs_is_told(self, world: World) -> None:
        self.states(world)
        over, running = world.scheduler.end_tasks(
            "r1", TaskState.CANCELLED, [0, 1, 2, 3], notify=True
        )
        assert (over, running) == ([1, 2, 3], [0])
        assert world.records() == {
            "0": "R1,W.0,0,0,", "1": "C1,,0,,", "2": "C1,,0,,", "3": "C0,,0,,",
        }  # fmt: skip
        assert world.dump()["worker:W.0:stops"] == {"r1,0,1"}

    def test_without_notice_what_runs_goes_on_undisturbed(self, world: World) -> None:
        self.states(world)
        world.scheduler.end_tasks("r1", TaskState.CANCELLED, [0], notify=False)
        assert "worker:W.0:stops" not in world.dump()

    def test_only_a_pending_task_can_fail_by_its_upstream(self, world: World) -> None:
        self.states(world)
        over, _ = world.scheduler.end_tasks(
            "r1", TaskState.UPSTREAM_FAILED, [0, 1, 2, 3], notify=False
        )
        assert over == [3]
        assert {task: record[0] for task, record in world.records().items()} == {
            "0": "R", "1": "Q", "2": "W", "3": "U",
        }  # fmt: skip

    def test_a_run_that_is_over_is_left_alone(self, world: World) -> None:
        self.states(world)
        world.finish(outcome="cancelled")
        before = world.dump()
        assert world.scheduler.end_tasks("r1", TaskState.CANCELLED, [1], notify=True) == ([], [])
        assert world.dump() == before

    def test_more_than_a_thousand_go_in_parts(self, world: World) -> None:
        world.submit(total=2500)
        world.acquire_lease()
        over, running = world.scheduler.end_tasks(
            "r1", TaskState.CANCELLED, range(2500), notify=False
        )
        assert (over, running) == (list(range(2500)), [])
        assert len(world.scheduler.read_states("r1", 2500)) == 2500


class TestPromote:
    def waiting(self, world: World) -> None:
        """Task 0 is due in 100 ms, task 1 in 300 ms."""
        world.running(0, 1)
        world.complete(done(0, "W", delay=100, level="9"), done(1, "W", delay=300))

    def test_only_what_is_due_and_to_its_level(self, world: World) -> None:
        self.waiting(world)
        assert world.scheduler.promote(10) == (0, 100)
        world.now += 100
        assert world.scheduler.promote(10) == (1, 200)
        found = world.dump()
        assert found["run:r1:tasks"]["0"] == "Q2,,0,,"
        assert found[f"ready:{LIST}:9:r1"] == ["0,2"]
        assert found["delayed"] == {f"r1,1,2,{LIST},5": START + 300}
        world.now += 900
        assert world.scheduler.promote(10) == (1, -1)

    def test_the_limit_bounds_one_call(self, world: World) -> None:
        self.waiting(world)
        world.now += 300
        assert world.scheduler.promote(1) == (1, 0)
        assert world.scheduler.promote(1) == (1, -1)

    def test_nothing_of_a_stopping_run(self, world: World) -> None:
        self.waiting(world)
        world.client.cancel("r1")
        world.now += 300
        assert world.scheduler.promote(10) == (0, -1)
        assert {record[0] for record in world.records().values()} == {"W"}

    def test_an_entry_that_the_record_has_left_behind_is_dropped(self, world: World) -> None:
        self.waiting(world)
        world.link.call("HSET", world.keys.tasks("r1"), "0", "W2,W.0,0,0,100", "1", "S1,W.0,0,0,1")
        world.now += 300
        changed = world.changed_by(lambda: world.scheduler.promote(10))
        assert changed == {"delayed": None}


class TestRequeue:
    def test_the_hints_are_rebuilt_from_the_records(self, world: World) -> None:
        world.running(0, 1)
        world.complete(done(0, "W", delay=100))
        world.queue(2, 3)
        world.link.call("HSET", world.keys.tasks("r1"), "3", "Q2,,0!,,")
        before = world.records()
        lost = [world.keys.ready(LIST, "5"), world.keys.delayed(), world.keys.levels()]
        world.link.call("DEL", *lost, world.keys.wake(LIST))
        entries = [(task, LIST, "5") for task in range(4)]
        assert world.scheduler.requeue("r1", entries) == 3
        found = world.dump()
        assert found["run:r1:tasks"] == before
        assert found["delayed"] == {f"r1,0,2,{LIST},5": START + 100}
        assert (found[f"ready:{LIST}:5"], found[f"ready:{LIST}:!"]) == (["r1,2,1"], ["r1,3,2"])
        assert found["levels"] == {LIST: "!5"}

    def test_what_is_findable_now_is_listed(self, world: World) -> None:
        world.running(0)
        world.complete(done(0, "W", delay=100))
        world.queue(2)
        world.queue(3, level="9")
        assert world.scheduler.listed([LIST]) == {"r1,2,1", "r1,3,1", f"r1,0,2,{LIST},5"}


class TestReads:
    def test_runs_newest_first_and_by_state(self, world: World) -> None:
        world.acquire_lease()
        for number in range(1, 4):
            world.submit(f"r{number}")
            world.now += 1
        world.finish("r2")
        assert [one.run for one in world.client.read_runs(2)] == ["r3", "r2"]
        running = world.client.read_runs(10, RunState.RUNNING)
        assert [one.run for one in running] == ["r3", "r1"]
        assert world.scheduler.active_runs() == ["r1", "r3"]
        assert world.scheduler.scan_runs("0") == ("0", [b"r1", b"r2", b"r3"])

    def test_an_active_run_as_a_new_leader_sees_it(self, world: World) -> None:
        digest = world.submit().digest
        world.acquire_lease()
        found = world.scheduler.read_active("r1")
        assert (found.run, found.digest, found.resuming, found.stop) == ("r1", digest, None, None)
        world.client.cancel("r1")
        assert world.scheduler.read_active("r1").stop is RunState.CANCELLED
        world.finish(outcome="cancelled")
        assert world.scheduler.read_active("r1") is None
        world.client.resume("r1")
        assert world.scheduler.read_active("r1").resuming == ()
        world.scheduler.reset("r1", [])
        world.finish(outcome="cancelled")
        world.client.resume("r1", [2, 0])
        assert world.scheduler.read_active("r1").resuming == (2, 0)

    def test_results_and_errors_in_the_order_asked_for(self, world: World) -> None:
        world.running(*range(40), total=40)
        world.complete(*(done(task, payload=b"%d" % task) for task in range(40)))
        tasks = list(range(39, -1, -1))
        assert list(world.client.read_results("r1", tasks)) == [b"%d" % task for task in tasks]
        assert world.client.read_errors("r1", [3]) == [None]


class TestTidy:
    def cast_off(self, world: World) -> None:
        """Of r1, which is over, task 0 waits and task 1 is queued; of r2, which goes on, too."""
        for run in ("r1", "r2"):
            world.submit(run)
        world.acquire_lease()
        world.register()
        for run in ("r1", "r2"):
            world.queue(0, run=run)
        world.claim()
        world.complete(done(0, "W"), done(0, "W", run="r2"))
        for run in ("r1", "r2"):
            world.queue(1, run=run)
        world.finish("r1", outcome="cancelled")

    def test_hints_of_a_run_that_is_over_go_and_all_others_stay(self, world: World) -> None:
        self.cast_off(world)
        assert world.scheduler.drop_stale_entries(0, 10) == (2, 0)
        found = world.dump()
        assert found[f"ready:{LIST}:5"] == ["r2,1,1"]
        assert list(found["delayed"]) == [f"r2,0,2,{LIST},5"]
        assert world.scheduler.drop_stale_entries(0, 10) == (0, 0)

    def test_so_do_those_of_a_run_that_is_gone(self, world: World) -> None:
        self.cast_off(world)
        world.link.call("DEL", world.keys.run("r2"))
        assert world.scheduler.drop_stale_entries(0, 10) == (4, 0)
        assert "delayed" not in world.dump()

    def test_a_long_list_is_gone_through_in_parts(self, world: World) -> None:
        self.cast_off(world)
        ranks = [
            world.scheduler.drop_stale_entries(0, 1),
            world.scheduler.drop_stale_entries(0, 1),
            world.scheduler.drop_stale_entries(1, 1),
        ]
        assert ranks == [(2, 0), (0, 1), (0, 0)]
