"""What is said below a run that failed leads out of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flowkit import DAG, Task
from flowkit.cli.connect import resume_hint
from flowkit.cli.dead import _show
from flowkit.cli.results import show_end
from flowkit.client.dead_letters import DeadLetter, OpenedLetter
from flowkit.core.states import RunState
from flowkit.exceptions import TaskExecutionError


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
        (1, "flowkit resume r7 --from-task 'pay once', which starts this at-most-once task"),
    ],
)
def test_a_plain_resume_is_not_suggested_if_it_would_start_nothing(
    failed: int | None, command: str
) -> None:
    """The run failed of the same task again."""
    hint = resume_hint(failed_run(), failed)
    assert hint.startswith(f"To resume it: {command}")
    assert ("--from-task" in hint) == (failed == 1)


@pytest.mark.parametrize(("kind", "resumes"), [("ValueError", True), ("UntrustedValue", False)])
def test_resuming_a_run_with_untrusted_values_is_not_suggested(
    kind: str, resumes: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The values stay as they are, so it would fail of them again."""
    handle: Any = SimpleNamespace(error=lambda: TaskExecutionError("work", kind, "no"))
    record: Any = SimpleNamespace(state=RunState.FAILED)
    show_end(handle, record, hint="flowkit resume r7")
    said = capsys.readouterr().err
    assert ("flowkit resume r7" in said) is resumes
    assert ("submit the run again" in said) is not resumes
    _show(OpenedLetter(DeadLetter("r7", "pay", "work", 1, "w.0", 0.0, kind, "no"), "", {}, {}))
    said = capsys.readouterr().err
    assert ("flowkit retry r7 work" in said) is resumes
    assert ("submit the run again" in said) is not resumes
