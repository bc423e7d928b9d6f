"""The scheduler's scripts: acquire_lease, apply, end_tasks, promote, requeue, and their fence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from environment import HOUR_MS, LIST, START, Environment, compiled, done
from helpers import EXPIRING

from flowkit.core.cause_texts import why_leaderless
from flowkit.core.states import RunState, TaskState
from flowkit.exceptions import LeaseLost
from flowkit.protocol.lease_store import LeaseReply
from flowkit.protocol.scheduler_store import SchedulerStore


def rival(env: Environment, name: str = "s2") -> SchedulerStore:
    return SchedulerStore(env.link, env.namespace, name, now_ms=lambda: env.now)


class TestLead:
    def test_taking_renewing_and_taking_over(self, env: Environment) -> None:
        other = rival(env)
        assert env.scheduler.acquire_lease(1000) == LeaseReply(True, 1, cursor="0")
        assert env.dump() == {
            "leader": f"s1,1,{START + 1000}",
            "layout": "0/1/1",
            "terms": [{"1": "s1"}],
            EXPIRING: [],
        }
        env.now += 600
        assert other.acquire_lease(1000) == LeaseReply(False, holder="s1", left_ms=400)
        assert env.scheduler.acquire_lease(1000) == LeaseReply(True, 1)
        env.now += 1000
        assert other.acquire_lease(1000) == LeaseReply(True, 2, cursor="0")
        assert env.scheduler.acquire_lease(1000) == LeaseReply(False, holder="s2", left_ms=1000)
        assert env.dump()["leader"] == f"s2,2,{env.now + 1000}"
        assert env.dump()["terms"] == [{"1": "s1"}, {"2": "s2"}]

    def test_an_expired_lease_can_be_renewed_if_free(self, env: Environment) -> None:
        env.scheduler.acquire_lease(1000)
        env.now += 5000
        assert env.scheduler.acquire_lease(1000) == LeaseReply(True, 1)

    def test_giving_up_lets_another_scheduler_lead_immediately(self, env: Environment) -> None:
        env.scheduler.acquire_lease(1000)
        assert env.client.has_leader() is True
        env.scheduler.acquire_lease(0)
        assert env.client.has_leader() is False
        assert rival(env).acquire_lease(1000) == LeaseReply(True, 2, cursor="0")

    def test_an_expired_lease_may_belong_to_a_scheduler_that_cannot_renew(
        self, env: Environment
    ) -> None:
        """To be told to start one helps nobody whose Redis is full."""
        assert why_leaderless(env.client.lease_left_ms()) == "No scheduler is running"
        env.scheduler.acquire_lease(1000)
        assert why_leaderless(env.client.lease_left_ms()) == ""
        env.now += 41_000
        assert "cannot renew its lease, which ended 40 s ago" in why_leaderless(
            env.client.lease_left_ms()
        )
        assert env.client.has_leader() is False

    def test_a_scheduler_that_does_not_lead_cannot_give_up_the_lease(
        self, env: Environment
    ) -> None:
        env.scheduler.acquire_lease(1000)
        before = env.dump()
        rival(env).acquire_lease(0)
        assert env.dump() == before

    def test_giving_up_a_free_lease_begins_no_term(self, env: Environment) -> None:
        assert env.scheduler.acquire_lease(0).term == 0
        assert "leader" not in env.dump()

    def test_the_cursor_is_handed_over(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        env.apply(cursor="5-0")
        env.now += HOUR_MS
        assert rival(env).acquire_lease(1000).cursor == "5-0"


FENCED: dict[str, Callable[[SchedulerStore], object]] = {
    "apply": lambda store: store.apply("9-9", ["queue", "r1", LIST, "5", "", 1, 1]),
    "finish": lambda store: store.apply("", ["finish", "r1", "failed", "", ""]),
    "stop_run": lambda store: store.stop_run("r1", RunState.FAILED),
    "end_tasks": lambda store: store.end_tasks("r1", TaskState.CANCELLED, [0, 1], notify=True),
    "reset": lambda store: store.reset("r1", [0]),
    "fail_queued": lambda store: store.fail_queued("r1", [0], b"error"),
    "prune_dead_letters": lambda store: store.prune_dead_letters(0, 10),
    "prune_parents": lambda store: store.prune_parents(["r1,0"]),
    "expire_children": lambda store: store.expire_children(["r1"]),
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
    env: Environment, call: Callable[[SchedulerStore], object], who: str
) -> None:
    env.ready(0)
    store = env.scheduler
    if who == "an old term":
        store.term = 0
    elif who == "another scheduler":
        store = rival(env)
        store.term = 1
    else:
        env.link.call("DEL", env.keys.leader())
    before = env.dump()
    with pytest.raises(LeaseLost, match="no longer leads"):
        call(store)
    assert env.dump() == before


class TestQueue:
    def test_pending_tasks_become_claimable(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        assert env.changed_by(lambda: env.queue(3, 1)) == {
            "run:r1:tasks": {"3": "Q1,,0,,,0", "1": "Q1,,0,,,0"},
            f"ready:{LIST}:5": ["r1,3,1", "r1,1,1"],
            "levels": {LIST: "5"},
            f"wake:{LIST}": ["1", "1"],
        }

    @pytest.mark.parametrize("code", "QRWSFKUC")
    def test_tasks_in_other_states_stay(self, env: Environment, code: str) -> None:
        env.submit()
        env.acquire_lease()
        env.link.call("HSET", env.keys.tasks("r1"), "0", f"{code}1,W.0,0,0,5")
        assert env.changed_by(lambda: env.queue(0)) == {}

    def test_nothing_of_a_finished_or_unknown_run(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        env.finish()
        assert env.changed_by(lambda: env.queue(0)) == {}
        assert env.changed_by(lambda: env.queue(0, run="r9")) == {}

    def test_nothing_of_a_run_that_begins_and_ends_in_the_same_call(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        begun = ["begin", "r1", env.submission().digest]
        ended = ["finish", "r1", "failed", "", "failed=1"]
        env.apply(*begun, *ended, "queue", "r1", LIST, "5", "", 1, 0)
        assert env.records("r1") == {}

    def test_several_commands_in_one_call(self, env: Environment) -> None:
        env.submit("r1")
        env.submit("r2")
        env.acquire_lease()
        env.queue(3, run="r2", list_="other")
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
        env.apply(*commands)
        assert env.client.ready_lists() == {LIST: 2, "mail": 1, "other": 1}
        assert env.client.read_run("r1").counts == {"running": 2}
        second = env.client.read_run("r2")
        assert (second.state, second.failed_task) == (RunState.FAILED, 3)

    def test_runs_that_share_a_list(self, env: Environment) -> None:
        env.submit("r1")
        env.submit("r2")
        env.acquire_lease()
        first, second = ("queue", "r1", LIST, "5", ""), ("queue", "r2", LIST, "5", "")
        changed = env.changed_by(lambda: env.apply(*first, 1, 3, *second, 2, 0, 1, *first, 1, 0))
        assert changed[f"ready:{LIST}:5"] == ["r1,3,1", "r2,0,1", "r2,1,1", "r1,0,1"]
        assert changed[f"wake:{LIST}"] == ["1"] * 4

    def test_a_thousand_tasks_in_one_command(self, env: Environment) -> None:
        env.submit(total=1000)
        env.acquire_lease()
        env.queue(*range(1000))
        assert env.client.ready_lists() == {LIST: 1000}


class TestCursor:
    def test_it_moves_and_trims_earlier_events(self, env: Environment) -> None:
        for number in range(1, 4):
            env.submit(f"r{number}")
        env.acquire_lease()
        events = env.scheduler.read_announcements("0", 10, 10)
        assert [[kind for kind, _ in pairs] for _, pairs in events] == [[b"submit"]] * 3
        env.apply(cursor=events[1][0])
        assert env.dump()["cursor"] == events[1][0]
        assert env.scheduler.read_announcements("0", 10, 10) == events[1:]
        assert env.scheduler.read_announcements(events[1][0], 10, 10) == events[2:]

    def test_without_one_it_stays(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        assert env.changed_by(lambda: env.apply()) == {}

    def test_reading_waits_for_a_first_event(self, env: Environment) -> None:
        assert env.scheduler.read_announcements("0", 10, 5) == []


class TestTurnOver:
    def states(self, env: Environment) -> None:
        """Task 0 runs, 1 is queued, 2 waits, 3 is pending."""
        env.running(0, 2)
        env.complete(done(2, "W"))
        env.queue(1)
        env.scheduler.stop_run("r1", RunState.CANCELLED)

    def test_waiting_tasks_end_and_running_tasks_are_notified(self, env: Environment) -> None:
        self.states(env)
        over, running, _ = env.scheduler.end_tasks(
            "r1", TaskState.CANCELLED, [0, 1, 2, 3], notify=True
        )
        assert (over, running) == ([1, 2, 3], [0])
        assert env.records() == {
            "0": "R1,W.0,0,0,,0", "1": "C1,,0,,0", "2": "C1,,0,,0", "3": "C0,,0,,0",
        }  # fmt: skip
        assert env.dump()["worker:W.0:stops"] == {"r1,0,1"}

    def test_without_notice_running_tasks_continue(self, env: Environment) -> None:
        self.states(env)
        env.scheduler.end_tasks("r1", TaskState.CANCELLED, [0], notify=False)
        assert "worker:W.0:stops" not in env.dump()

    def test_only_a_pending_task_can_fail_by_its_upstream(self, env: Environment) -> None:
        self.states(env)
        over, *_ = env.scheduler.end_tasks(
            "r1", TaskState.UPSTREAM_FAILED, [0, 1, 2, 3], notify=False
        )
        assert over == [3]
        assert {task: record[0] for task, record in env.records().items()} == {
            "0": "R", "1": "Q", "2": "W", "3": "U",
        }  # fmt: skip

    def test_a_finished_run_does_not_change(self, env: Environment) -> None:
        self.states(env)
        env.finish(outcome="cancelled")
        before = env.dump()
        assert env.scheduler.end_tasks("r1", TaskState.CANCELLED, [1], notify=True) == ([], [], [])
        assert env.dump() == before

    def test_more_than_a_thousand_go_in_parts(self, env: Environment) -> None:
        env.submit(total=2500)
        env.acquire_lease()
        over, running, _ = env.scheduler.end_tasks(
            "r1", TaskState.CANCELLED, range(2500), notify=False
        )
        assert (over, running) == (list(range(2500)), [])
        assert len(env.scheduler.read_states("r1", compiled(2500)).states) == 2500


class TestPromote:
    def waiting(self, env: Environment) -> None:
        """Task 0 is due in 100 ms, task 1 in 300 ms."""
        env.running(0, 1)
        env.complete(done(0, "W", delay=100, level="9"), done(1, "W", delay=300))

    def test_only_due_attempts_are_promoted_to_their_level(self, env: Environment) -> None:
        self.waiting(env)
        assert env.scheduler.promote(10) == (0, 100)
        env.now += 100
        assert env.scheduler.promote(10) == (1, 200)
        result = env.dump()
        assert result["run:r1:tasks"]["0"] == "Q2,,0,,,64"
        assert result[f"ready:{LIST}:9:r1"] == ["0,2"]
        assert result["delayed"] == {f"r1,1,2,{LIST},5": START + 300}
        env.now += 900
        assert env.scheduler.promote(10) == (1, -1)

    def test_the_limit_bounds_one_call(self, env: Environment) -> None:
        self.waiting(env)
        env.now += 300
        assert env.scheduler.promote(1) == (1, 0)
        assert env.scheduler.promote(1) == (1, -1)

    def test_nothing_of_a_stopping_run(self, env: Environment) -> None:
        self.waiting(env)
        env.client.cancel("r1")
        env.now += 300
        assert env.scheduler.promote(10) == (0, -1)
        assert {record[0] for record in env.records().values()} == {"W"}

    def test_an_outdated_entry_is_dropped(self, env: Environment) -> None:
        self.waiting(env)
        env.link.call("HSET", env.keys.tasks("r1"), "0", "W2,W.0,0,0,100", "1", "S1,W.0,0,0,1")
        env.now += 300
        changed = env.changed_by(lambda: env.scheduler.promote(10))
        assert changed == {"delayed": None}


class TestRequeue:
    def test_the_hints_are_rebuilt_from_the_records(self, env: Environment) -> None:
        env.running(0, 1)
        env.complete(done(0, "W", delay=100))
        env.queue(2, 3)
        env.link.call("HSET", env.keys.tasks("r1"), "3", "Q2,,0!,,")
        before = env.records()
        lost = [env.keys.ready(LIST, "5"), env.keys.delayed(), env.keys.levels()]
        env.link.call("DEL", *lost, env.keys.wake(LIST))
        entries = [(task, LIST, "5") for task in range(4)]
        assert env.scheduler.requeue("r1", entries) == 3
        result = env.dump()
        assert result["run:r1:tasks"] == before
        assert result["delayed"] == {f"r1,0,2,{LIST},5": START + 100}
        assert (result[f"ready:{LIST}:5"], result[f"ready:{LIST}:!"]) == (["r1,2,1"], ["r1,3,2"])
        assert result["levels"] == {LIST: "!5"}

    def test_claimable_attempts_are_listed(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0, "W", delay=100))
        env.queue(2)
        env.queue(3, level="9")
        assert env.scheduler.listed([LIST]) == {"r1,2,1", "r1,3,1", f"r1,0,2,{LIST},5"}


class TestReads:
    def test_runs_newest_first_and_by_state(self, env: Environment) -> None:
        env.acquire_lease()
        for number in range(1, 4):
            env.submit(f"r{number}")
            env.now += 1
        env.finish("r2")
        assert [run.run for run in env.client.read_runs(2)] == ["r3", "r2"]
        running = env.client.read_runs(10, RunState.RUNNING)
        assert [item.run for item in running] == ["r3", "r1"]
        assert env.scheduler.active_runs() == ["r1", "r3"]
        assert env.scheduler.scan_runs("0") == ("0", [b"r1", b"r2", b"r3"])

    def test_an_active_run_as_a_new_leader_sees_it(self, env: Environment) -> None:
        digest = env.submit().digest
        env.acquire_lease()
        result = env.scheduler.read_active("r1")
        assert (result.run, result.digest, result.resuming, result.stop) == (
            "r1",
            digest,
            None,
            None,
        )
        env.client.cancel("r1")
        assert env.scheduler.read_active("r1").stop is RunState.CANCELLED
        env.finish(outcome="cancelled")
        assert env.scheduler.read_active("r1") is None
        env.client.resume("r1")
        assert env.scheduler.read_active("r1").resuming == ()
        env.scheduler.reset("r1", [])
        env.finish(outcome="cancelled")
        env.client.resume("r1", [2, 0])
        assert env.scheduler.read_active("r1").resuming == (2, 0)

    def test_results_and_errors_in_the_order_asked_for(self, env: Environment) -> None:
        env.running(*range(40), total=40)
        env.complete(*(done(task, payload=b"%d" % task) for task in range(40)))
        tasks = list(range(39, -1, -1))
        assert list(env.client.read_results("r1", tasks)) == [b"%d" % task for task in tasks]
        assert env.client.read_errors("r1", [3]) == [None]


class TestTidy:
    def cast_off(self, env: Environment) -> None:
        """Of r1, which is over, task 0 waits and task 1 is queued; of r2, which continues, too."""
        for run in ("r1", "r2"):
            env.submit(run)
        env.acquire_lease()
        env.register()
        for run in ("r1", "r2"):
            env.queue(0, run=run)
        env.claim()
        env.complete(done(0, "W"), done(0, "W", run="r2"))
        for run in ("r1", "r2"):
            env.queue(1, run=run)
        env.finish("r1", outcome="cancelled")

    def test_entries_of_a_finished_run_are_dropped_and_others_stay(self, env: Environment) -> None:
        self.cast_off(env)
        assert env.scheduler.drop_stale_entries(0, 10) == (2, 0)
        result = env.dump()
        assert result[f"ready:{LIST}:5"] == ["r2,1,1"]
        assert list(result["delayed"]) == [f"r2,0,2,{LIST},5"]
        assert env.scheduler.drop_stale_entries(0, 10) == (0, 0)

    def test_entries_of_a_deleted_run_are_dropped(self, env: Environment) -> None:
        self.cast_off(env)
        env.link.call("DEL", env.keys.run("r2"))
        assert env.scheduler.drop_stale_entries(0, 10) == (4, 0)
        assert "delayed" not in env.dump()

    def test_a_long_list_is_read_in_parts(self, env: Environment) -> None:
        self.cast_off(env)
        ranks = [
            env.scheduler.drop_stale_entries(0, 1),
            env.scheduler.drop_stale_entries(0, 1),
            env.scheduler.drop_stale_entries(1, 1),
        ]
        assert ranks == [(2, 0), (0, 1), (0, 0)]


def test_no_task_of_a_run_that_is_over_is_failed(env: Environment) -> None:
    """A scheduler decides what to fail by what it remembers, and others may end the run."""
    env.ready(0, 1)
    assert env.scheduler.fail_queued("r1", [0], b"error") == 1
    assert env.records()["0"].startswith("F1,")
    env.finish(outcome="cancelled")
    assert env.changed_by(lambda: env.scheduler.fail_queued("r1", [1], b"error")) == {}
