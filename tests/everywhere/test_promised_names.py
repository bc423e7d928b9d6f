"""What docs/promises.md says about names: where they stand, and what calls take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module

import pytest

import flowkit
from flowkit import DAG, FlowkitLogger, LogLevel, StateManager, TaskCache, configure_logging

promise = pytest.mark.promise
MODULES = {
    "task": ["Task", "task"],
    "dag": ["DAG"],
    "exceptions": ["FlowkitError", "TaskExecutionError", "DAGCycleError", "TaskNotFoundError"],
    "logging": ["FlowkitLogger", "LogLevel", "configure_logging", "get_logger"],
    "state": ["StateManager", "TaskCache"],
}
REQUIRED = inspect.Parameter.empty


def begins_with(call: Callable[..., object], **promised: object) -> bool:
    """Tell whether a call takes these in this order, by place or name, and more only by option."""
    taken = list(inspect.signature(call).parameters.values())
    taken = [item for item in taken if item.name != "self"]
    first, rest = taken[: len(promised)], taken[len(promised) :]
    assert all(item.kind is item.POSITIONAL_OR_KEYWORD for item in first)
    optional = all(item.default is not REQUIRED or item.kind is item.VAR_KEYWORD for item in rest)
    return optional and [(item.name, item.default) for item in first] == list(promised.items())


@promise("flowkit-2")
@pytest.mark.parametrize("module", MODULES)
def test_each_name_is_in_its_module_too(module: str) -> None:
    result = import_module(f"flowkit.{module}")
    for name in MODULES[module]:
        assert getattr(result, name) is getattr(flowkit, name)


@promise("dag-1")
def test_what_a_dag_takes() -> None:
    assert begins_with(DAG, name="workflow", max_workers=None)
    assert begins_with(DAG.run, executor="thread")
    dag = DAG()
    assert (dag.name, dag.max_workers) == ("workflow", None)


@promise("logging-1", "logging-3")
def test_what_loggers_take() -> None:
    options = {"level": LogLevel.INFO, "json_output": False, "use_colors": None}
    assert begins_with(configure_logging, **options)
    assert begins_with(FlowkitLogger, name="flowkit", **options)


@promise("logging-5")
@pytest.mark.parametrize(
    ("method", "takes"),
    [
        (FlowkitLogger.log_task_start, {"name": REQUIRED}),
        (FlowkitLogger.log_task_success, {"name": REQUIRED, "duration": None}),
        (FlowkitLogger.log_task_failure, {"name": REQUIRED, "error": REQUIRED}),
        (
            FlowkitLogger.log_task_retry,
            dict.fromkeys(("name", "attempt", "max_retries", "delay"), REQUIRED),
        ),
        (FlowkitLogger.log_task_skip, {"name": REQUIRED, "reason": REQUIRED}),
        (FlowkitLogger.log_dag_start, {"name": REQUIRED, "total_tasks": REQUIRED}),
        (FlowkitLogger.log_dag_progress, dict.fromkeys(("name", "completed", "total"), REQUIRED)),
        (
            FlowkitLogger.log_dag_complete,
            dict.fromkeys(("name", "total_tasks", "duration"), REQUIRED),
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_an_event_of_the_log_takes(
    method: Callable[..., object], takes: dict[str, object]
) -> None:
    assert begins_with(method, **takes)
    *_, last = inspect.signature(method).parameters.values()
    assert last.kind is last.VAR_KEYWORD  # any further context


@promise("state-1")
def test_what_a_state_manager_takes() -> None:
    assert begins_with(StateManager, storage_path=None, default_ttl=None)
    assert begins_with(StateManager.set, key=REQUIRED, value=REQUIRED, ttl=None, metadata=None)
    assert begins_with(StateManager.get, key=REQUIRED, default=None)
    for method in (StateManager.has, StateManager.delete, StateManager.get_metadata):
        assert begins_with(method, key=REQUIRED)
    for method in (StateManager.clear, StateManager.get_all, StateManager.invalidate_expired):
        assert begins_with(method)


@promise("state-13")
def test_what_a_task_cache_takes() -> None:
    assert begins_with(TaskCache, state=REQUIRED, ttl=None)
