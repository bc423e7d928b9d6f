"""The public names, as a literal list: adding one is a decision."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import flowkit

PUBLIC = {
    "DAG",
    "Again",
    "AsyncClient",
    "Client",
    "DAGCycleError",
    "FlowkitError",
    "FlowkitLogger",
    "HookEvent",
    "Hooks",
    "LogLevel",
    "Mapped",
    "RunHandle",
    "StateManager",
    "Task",
    "TaskCache",
    "TaskExecutionError",
    "TaskNotFoundError",
    "__version__",
    "again",
    "configure_logging",
    "current_attempt",
    "get_logger",
    "progress",
    "task",
    "track",
}


@pytest.mark.promise("flowkit-1")
def test_the_public_names_are_these_and_importable():
    assert set(flowkit.__all__) == PUBLIC
    assert set(dir(flowkit)) >= PUBLIC
    for name in PUBLIC:
        assert getattr(flowkit, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Dag'"):
        flowkit.Dag  # noqa: B018


@pytest.mark.promise("flowkit-3")
def test_the_package_takes_its_version_from_one_place():
    data = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert data["project"]["dynamic"] == ["version"]
    attr = data["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    module, _, name = attr.rpartition(".")
    assert getattr(import_module(module), name) == flowkit.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", flowkit.__version__)
