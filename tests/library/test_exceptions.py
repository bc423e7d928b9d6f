"""The tree of errors, their sentences, and that they survive a trip between processes."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from flowkit import exceptions
from flowkit.exceptions import (
    DAGCycleError,
    DAGError,
    FlowkitError,
    ParameterError,
    RunError,
    RunNotFound,
    StoreError,
    TaskExecutionError,
    TaskTimeout,
    WaitTimeout,
)

CLASSES = [
    result
    for _, result in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(result, Exception)
]


@pytest.mark.promise("exceptions-1")
def test_every_error_is_a_flowkit_error_in_the_documented_tree():
    drawn = (exceptions.__doc__ or "").split("\n\n")[1]
    for kind in CLASSES:
        assert issubclass(kind, FlowkitError)
        assert kind.__name__ in drawn


def test_the_branches():
    names = {base: {c.__name__ for c in CLASSES if base in c.__bases__} for base in CLASSES}
    assert names[DAGError] == {
        "DAGCycleError",
        "DuplicateTaskError",
        "UnknownDAGError",
        "NotImportableError",
        "ParameterError",
        "AppError",
    }
    assert names[StoreError] == {
        "RedisUnavailable",
        "UnfitRedis",
        "WrongShards",
        "BadRedisURL",
        "UntrustedValue",
    }
    assert names[RunError] == {
        "RunNotFound",
        "RunExists",
        "RunAlreadyOver",
        "RunNotOver",
        "TaskNotFailed",
        "RunCancelled",
        "RunDamaged",
        "RunLost",
        "ChildRunFailed",
        "WaitTimeout",
    }


@pytest.mark.promise("exceptions-2")
def test_a_task_execution_error_keeps_all_details():
    error = TaskExecutionError("load", "OSError", "no disk", "Traceback …\n", "r1", 2)
    assert str(error) == "Task 'load' failed: OSError: no disk (run r1, attempt 2)\n\nTraceback …"
    assert (error.task_name, error.error_type, error.error_message) == (
        "load",
        "OSError",
        "no disk",
    )
    assert (error.remote_traceback, error.run_id, error.attempt) == ("Traceback …\n", "r1", 2)
    assert str(TaskExecutionError("load", "OSError", "x")) == "Task 'load' failed: OSError: x"


@pytest.mark.parametrize("kind", [c for c in CLASSES if issubclass(c, RunError)])
def test_an_error_of_a_run_names_it_and_takes_another_sentence(kind):
    assert "'r-1'" in str(kind("r-1"))
    assert kind("r-1").run_id == "r-1"
    assert str(kind("r-1", "Something else.")) == "Something else."


@pytest.mark.parametrize(
    "error",
    [
        FlowkitError("plain"),
        DAGCycleError(["a", "b", "a"], "etl"),
        ParameterError("text", "day", "load"),
        RunNotFound("r1"),
        WaitTimeout("r1", "text"),
        TaskTimeout("load", 2.5),
        TaskExecutionError("load", "OSError", "no disk", "Traceback", "r1", 2),
    ],
)
def test_errors_can_be_copied_and_sent_between_processes(error):
    error.add_note("a note")
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert (str(other), vars(other)) == (str(error), vars(error))
