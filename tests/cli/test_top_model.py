"""The screen of ``flowkit top`` without a terminal: its state, its drawing, its reading."""

from __future__ import annotations

import io
import select
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import wait_until
from rich.console import Console

from flowkit.cli.top.feed import MOST_TASKS, Feed, Reading
from flowkit.cli.top.model import SORTS, Action, Model, View
from flowkit.cli.top.screen import draw
from flowkit.client.activity import SystemActivity
from flowkit.client.scheduler_info import SchedulerInfo
from flowkit.client.status import RunStatus, TaskStatus
from flowkit.core.queue_info import QueueInfo
from flowkit.core.run_record import RunRecord
from flowkit.core.states import RunState, TaskState
from flowkit.core.worker_info import QueueRate, WorkerInfo
from flowkit.exceptions import RedisUnavailable, RunNotFound
from flowkit.protocol.listings import Listing

HOSTILE = "\x1b[2J[red]x[/red]\x07\u202e"


def run(name: str, submitted: int, state: RunState = RunState.RUNNING, **counts: int) -> RunRecord:
    return RunRecord(name, "etl", "d" * 64, state, 10, submitted, counts=counts)


RUNS = [
    run("old", 1000, succeeded=9, queued=2),
    run("new", 5000, queued=3, failed=1),
    run("over", 9000, RunState.SUCCEEDED, succeeded=10),
]


def activity(runs: list[RunRecord] | None = None, **changes: Any) -> SystemActivity:
    return SystemActivity(10.0, Listing(RUNS if runs is None else runs), 2, **changes)


@pytest.fixture
def model() -> Model:
    model = Model()
    model.take(activity())
    return model


def ids(model: Model) -> list[str]:
    return [item.run for item in model.runs]


def test_unfinished_runs_come_first_and_the_first_is_selected(model: Model) -> None:
    assert ids(model) == ["new", "old", "over"]
    assert model.selected == "new"


def test_each_order_has_a_reverse(model: Model) -> None:
    firsts = {}
    for _ in SORTS:
        firsts[model.sort] = ids(model)[0]
        model.press("r")
        assert ids(model)[-1] == firsts[model.sort] or model.sort == "dag"
        model.press("r")
        model.press("s")
    assert firsts["age"] == "old"
    assert firsts["progress"] == "over"
    assert firsts["active"] == firsts["failed"] == "new"


def test_the_mark_stays_on_its_run(model: Model) -> None:
    model.press("down")
    assert model.selected == "old"
    model.press("s")
    assert model.selected == "old"
    model.take(activity([run("newer", 99_000), *RUNS]))
    assert model.selected == "old"
    model.take(activity(RUNS[1:]))
    assert model.selected == "new", "it has left the list"
    for key in ("up", "k", "page up"):
        model.press(key)
    model.press("page down")
    assert model.selected == ids(model)[-1]
    model.take(activity([]))
    assert model.press("down") is None


def test_the_list_moves_with_the_mark(model: Model) -> None:
    model.take(activity([run(f"r{n:02}", n) for n in range(50)]))
    for _ in range(30):
        model.press("down")
    visible = [item.run for item in model.visible(10)]
    assert len(visible) == 10
    assert model.selected in visible


def test_cancelling_takes_a_yes(model: Model) -> None:
    assert model.press("c") is None
    assert model.asks_about == "new"
    assert model.press("q") is None, "it is an answer, not the key that quits"
    assert (model.asks_about, model.message) == ("", "Nothing was cancelled.")
    model.press("c")
    assert model.press("y") is Action.CANCEL
    model.asks_about = ""
    model.press("page down")
    model.press("c")
    assert "already over (succeeded)" in model.message
    model.press("up")
    model.press("c")
    ended = RunRecord(model.asks_about, "etl", "", RunState.SUCCEEDED, 1, 1)
    model.take(activity([ended]))
    assert (model.asks_about, "already over" in model.message) == ("", True)
    empty = Model()
    empty.press("c")
    assert empty.message == "No run is selected."


def test_views_lead_back(model: Model) -> None:
    model.press("enter")
    assert (model.view, model.looking_at) == (View.RUN, "new")
    model.press("?")
    assert model.view is View.HELP
    model.press("x")
    assert model.view is View.RUN
    model.press("escape")
    assert (model.view, model.looking_at) == (View.SYSTEM, "")
    model.press("?")
    assert model.press("q") is Action.QUIT
    assert model.press("q") is Action.QUIT


# -- drawing -------------------------------------------------------------------------------------


def drawn(model: Model, reading: Reading, width: int = 100, height: int = 30) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, force_terminal=True, color_system=None)
    console.print(draw(model, reading, "flowkit at redis://x", width, height))
    return file.getvalue().splitlines()


def full(name: str = "x") -> SystemActivity:
    rates = (QueueRate(name, 2**31, 0.001, 2e6),)
    worker = WorkerInfo("W", name, 1, name, (name,), 2, 1, name, busy=1, busy_async=3, rates=rates)
    queues = [QueueInfo(f"{name}{n}", {"5": n, "!": 1}, 1.0, 2) for n in range(30)]
    return activity(
        [run(f"run-{n}", n) for n in range(100)],
        queues=Listing(queues),
        workers=Listing([worker] * 30),
        scheduler=SchedulerInfo({"0/1": "No scheduler is running"}),
    )


@pytest.mark.parametrize("size", [(200, 60), (80, 24), (40, 20)])
def test_the_screen_fits_the_terminal(model: Model, size: tuple[int, int]) -> None:
    model.take(full("long-name-" * 5))
    reading = Reading(full("long-name-" * 5))
    lines = drawn(model, reading, *size)
    assert max(map(len, lines)) <= size[0]
    assert len(lines) <= max(size[1], 24)
    assert "q quit" in lines[-1] or size[0] == 40
    assert "No scheduler is running: start flowkit-scheduler." in "\n".join(lines) or size[0] == 40


def test_nothing_from_outside_controls_the_terminal(model: Model) -> None:
    hostile = full(HOSTILE)
    model.take(hostile)
    status = RunStatus(model.selected, HOSTILE, RunState.RUNNING, False, 0.0, None, 1, {})
    for state in TaskState:
        status.tasks.append(TaskStatus(HOSTILE, state, 1, HOSTILE, 1.0, None, HOSTILE))
    for view in View:
        model.view, model.looking_at = view, model.selected
        text = "\n".join(drawn(model, Reading(hostile, run=status, why=HOSTILE)))
        assert "\x07" not in text
        assert "\x1b[2J" not in text
        assert "\u202e" not in text
        assert view is View.HELP or "\\x1b" in text
    model.view = View.SYSTEM
    assert "\x07" not in "\n".join(drawn(model, Reading(hostile, trouble=HOSTILE)))


def test_a_run_that_was_not_read_yet_or_is_too_large(model: Model) -> None:
    model.press("enter")
    assert "Reading …" in "\n".join(drawn(model, Reading()))
    assert "Reading …" in "\n".join(drawn(model, Reading(activity())))
    assert "too many" in "\n".join(drawn(model, Reading(activity(), run_note="too many")))


# -- reading -------------------------------------------------------------------------------------


class FakeHandle:
    def __init__(self, client: FakeClient) -> None:
        self.client = client

    def record(self) -> RunRecord:
        return RunRecord("new", "etl", "", RunState.RUNNING, self.client.total, 0)

    def status(self) -> RunStatus:
        state = RunState.FAILED if self.client.has_failed else RunState.RUNNING
        return RunStatus("new", "etl", state, False, 0.0, None, 1, {}, waiting_for="No worker.")

    def explain(self) -> SimpleNamespace:
        self.client.explained += 1
        return SimpleNamespace(sentence="Task 'x' failed.")

    def cancel(self) -> None:
        if self.client.is_away:
            raise RunNotFound("new", "there is no run 'new'")
        self.client.cancelled += 1


class FakeClient:
    def __init__(self) -> None:
        self.is_away = False
        self.is_broken = False
        self.has_failed = False
        self.explained = 0
        self.total = 1
        self.cancelled = 0

    def activity(self, limit: int) -> SystemActivity:
        if self.is_broken:
            raise ZeroDivisionError("a bug")
        if self.is_away:
            raise RedisUnavailable("it is away")
        return activity()

    def run(self, run_id: str) -> FakeHandle:
        return FakeHandle(self)


def test_the_feed_reads_reports_and_obeys() -> None:
    client: Any = FakeClient()
    feed = Feed(client, 10, 0.005)
    feed.start()
    try:
        assert select.select([feed.news], [], [], 20)[0]
        wait_until("it has read", lambda: feed.take().activity)
        feed.look_at("new")
        wait_until("it reads the run", lambda: feed.take().why == "No worker.")
        client.total = MOST_TASKS + 1
        wait_until("the run is too large", lambda: "too many" in feed.take().run_note)
        feed.look_at("")
        assert feed.take().run is None
        feed.cancel("new")
        wait_until("it says so", lambda: feed.take().message == "Cancelling run new.")
        assert client.cancelled == 1
        client.is_away = True
        wait_until("the outage is told", lambda: feed.take().trouble == "it is away")
        assert feed.take().activity is not None, "the last figures stay"
        feed.cancel("new")
        wait_until("the refusal is told", lambda: "no run" in feed.take().message)
        client.is_away = False
        wait_until("it is over", lambda: feed.take().trouble == "")
        client.is_broken = True
        with pytest.raises(ZeroDivisionError):
            wait_until("a bug ends it", lambda: feed.take() is None)
    finally:
        feed.stop()


def test_how_a_run_ended_is_asked_once() -> None:
    client: Any = FakeClient()
    client.has_failed = True
    feed = Feed(client, 10, 0.005)
    feed.look_at("new")
    feed.start()
    try:
        wait_until("it says how it ended", lambda: feed.take().why == "Task 'x' failed.")
        readings = {id(feed.take().run)}
        wait_until("it reads again", lambda: len(readings.union({id(feed.take().run)})) > 1)
        assert client.explained == 1
    finally:
        feed.stop()
