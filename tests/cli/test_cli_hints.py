"""What is said below a run that failed leads out of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flowkit import DAG, Task
from flowkit.cli.connect import how_to_go_on


def work() -> None: ...


def pay() -> None: ...


def failed_run() -> Any:
    dag = DAG("pay")
    for task in (Task(work, name="plain"), Task(pay, name="pay once", at_most_once=True)):
        dag.add(task)
    return SimpleNamespace(run_id="r7", graph=dag.compile_for_run)


@pytest.mark.parametrize(
    ("failed", "command"),
    [
        (None, "flowkit resume r7"),
        (0, "flowkit resume r7"),
        (1, "flowkit resume r7 --from-task 'pay once', which starts once more what was to start"),
    ],
)
def test_a_plain_resume_is_not_advised_where_it_starts_nothing(
    failed: int | None, command: str
) -> None:
    """The run failed of the same task again."""
    hint = how_to_go_on(failed_run(), failed)
    assert hint.startswith(f"To go on where it stopped: {command}")
    assert ("--from-task" in hint) == (failed == 1)
