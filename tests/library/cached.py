"""What the tests of cached tasks share: functions that note their calls, and how to run one."""

from __future__ import annotations

from typing import Any

import pytest

from flowkit import DAG, Task

CALLS: list[object] = []


def calls() -> list[object]:
    """Return the calls since the last time."""
    result = CALLS.copy()
    CALLS.clear()
    return result


def number(value: int = 3) -> int:
    CALLS.append(("number", value))
    return value


def listed(*values: Any, suffix: str = "") -> list[Any]:
    CALLS.append(("listed", *values))
    return [*values, suffix]


def alone(one: Task) -> DAG:
    dag = DAG("alone")
    dag.add(one)
    return dag


def warnings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what was said of tasks that are not cached."""
    lines = capsys.readouterr().out.splitlines()
    result = [line.partition("Task not cached: ") for line in lines]
    assert all("WARNING" in before for before, _, text in result if text)
    return [text for _, _, text in result if text]
