"""The vocabulary of events, the log as its listener, and the one place where listeners join."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import pytest

from flowkit import DAG, FlowkitLogger, Task
from flowkit.basics.log_level import LogLevel
from flowkit.clock import SYSTEM_CLOCK
from flowkit.events import programs, redis, runs, schedulers, tasks, workers
from flowkit.events.event import Event
from flowkit.events.runs import RunStarted
from flowkit.events.schedulers import QueuesRepaired, RunLinesLeftOut
from flowkit.events.tasks import TaskFailed, TaskRetried, TaskStarted, TaskSucceeded
from flowkit.events.workers import WorkerExpired, WorkerStarted, WorkerStopping
from flowkit.local.environment import Environment, listener
from flowkit.local.run import run_here
from flowkit.local.run_events import RunEvents
from flowkit.logging.event_log import EventLog

KINDS = [
    kind
    for module in (runs, tasks, workers, schedulers, redis, programs)
    for kind in vars(module).values()
    if getattr(kind, "__module__", "") == module.__name__ and hasattr(kind, "event_name")
]
SAMPLES: dict[str, Any] = {"int": 3, "float": 1.5, "bool": True}


def sample(kind: type[Event]) -> Event:
    """Return an event with all fields."""
    values = {}
    for field in dataclasses.fields(kind):
        name = str(field.type).partition(" ")[0]
        values[field.name] = f"<{field.name}>" if name == "str" else SAMPLES[name]
    if "executing" in values:
        values["executing"] = "task <task_name> of a run"
    if "mismatch" in values:
        values["mismatch"] = "Task <task_name> of DAG <dag_name> gets a text."
    return kind(**values)


def test_each_event_has_a_name_of_its_own() -> None:
    names = [kind.event_name for kind in KINDS]
    assert len(names) == len(set(names))
    assert len(names) > 50


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_is_frozen_and_its_fields_are_those_of_its_line(kind: type[Event]) -> None:
    event = sample(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    assert {name: event.fields()[name] for name in names} == dataclasses.asdict(event)  # type: ignore[call-overload]
    # JSON lines have these of their own, and a record of the standard module has others.
    assert not {"timestamp", "level", "message", "event"} & set(names)
    for name in names:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, name, "another")


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_line_leaves_out_only_what_the_message_says(kind: type[Event]) -> None:
    """Of text: numbers and lengths are written in other ways."""
    event = sample(kind)
    texts = {name: value for name, value in event.fields().items() if isinstance(value, str)}
    assert event.told <= set(event.fields())
    assert {name for name in event.told & set(texts) if texts[name] not in event.message()} == set()


def test_a_field_that_is_unknown_is_left_out() -> None:
    assert TaskStarted(task_name="a").fields() == {"task_name": "a"}
    assert WorkerStopping(worker="w").fields() == {"worker": "w"}
    assert TaskSucceeded(task_name="a", attempt=0).fields() == {"task_name": "a", "attempt": 0}


def test_a_failure_always_has_the_field_of_its_type() -> None:
    """The log had it so from the beginning, and programs may read it without asking."""
    event = TaskFailed(task_name="a", error_type=None, error_message="why")
    assert event.fields()["error_type"] is None
    assert event.message() == "Task failed: a (why)"


def test_a_retry_without_a_reason_and_a_worker_that_comes_back() -> None:
    retry = TaskRetried(task_name="a", attempt=1, max_retries=2, delay=1.5)
    assert retry.message() == "Task retry: a (retry 1/2 in 1.50s)"
    assert WorkerStarted(worker="w", app="a").message() == "Worker w started"
    assert WorkerStarted(worker="w", app="a", restarted=True).message() == (
        "Worker w started in its place"
    )


@pytest.mark.parametrize(
    ("event", "count"),
    [
        (lambda count: WorkerExpired(worker="w", attempts=count), "{} attempt{s} taken back"),
        (lambda count: RunLinesLeftOut(lines=count), "{} more line{s} about runs"),
    ],
)
def test_one_thing_is_not_called_many(event: Callable[[int], Event], count: str) -> None:
    assert count.format(1, s="") in event(1).message()
    assert count.format(2, s="s") in event(2).message()


def test_the_number_of_missing_entries_is_a_sentence() -> None:
    assert QueuesRepaired(entries=1).message().startswith("1 queue entry was missing and")
    assert QueuesRepaired(entries=2).message().startswith("2 queue entries were missing and")


# -- the log --------------------------------------------------------------------------------------


def test_the_line_of_an_event_is_that_of_the_loggers_method(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = FlowkitLogger("flowkit.test_events", "DEBUG")
    EventLog(logger).hear(TaskSucceeded(task_name="a", run_id="r", attempt=1, duration=0.5))
    logger.log_task_success("a", 0.5, run_id="r", attempt=1)
    item, other = (line[24:] for line in capsys.readouterr().out.splitlines())
    assert item == other == "SUCCESS Task succeeded: a (0.500s) run_id=r attempt=1"


def test_events_of_attempts_have_a_lower_level_on_workers() -> None:
    logger = FlowkitLogger("flowkit.test_events", "INFO")
    here, there = EventLog(logger), EventLog(logger, on_worker=True)
    assert here.wants(TaskStarted)
    assert not there.wants(TaskStarted)
    assert here.wants(TaskRetried)
    assert there.wants(TaskRetried)


def test_a_line_of_too_low_a_level_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    logger = FlowkitLogger("flowkit.test_events", "INFO")
    EventLog(logger, on_worker=True).hear(TaskStarted(task_name="a"))
    assert caplog.records == []
    EventLog(logger).hear(TaskStarted(task_name="a"))
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (LogLevel.INFO, "Task started: a")
    assert record.funcName == "test_a_line_of_too_low_a_level_is_not_written"


# -- another listener -----------------------------------------------------------------------------


class Both:
    """What joins a listener to the log."""

    def __init__(self) -> None:
        self.log = listener()
        self.heard: list[Event] = []

    def wants(self, kind: type[Event], /) -> bool:
        return True

    def hear(self, event: Event, /) -> None:
        self.log.hear(event)
        self.heard.append(event)


def test_another_listener_hears_all_events_of_a_run_whatever_the_log_writes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    both = Both()
    FlowkitLogger("flowkit", logging.ERROR)
    environment = Environment(
        SYSTEM_CLOCK, events=lambda run_id, name, tasks: RunEvents(both, run_id, name, tasks)
    )
    run_here(DAG("d", tasks=[Task(lambda: 1, name="a")]), environment=environment)
    assert [event.event_name for event in both.heard] == [
        "dag_start",
        "task_start",
        "task_success",
        "dag_progress",
        "dag_complete",
    ]
    assert caplog.records == []
    first = both.heard[0]
    assert isinstance(first, RunStarted)
    assert (first.dag_name, first.total_tasks) == ("d", 1)
