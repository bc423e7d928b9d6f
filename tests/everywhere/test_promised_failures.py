"""What docs/promises.md says about a run that fails: what starts, what ends, what is raised."""

from __future__ import annotations

import everywhere_app as app
import pytest
from places import Place

from flowkit import DAG, TaskExecutionError
from flowkit.core.states import TaskState

promise = pytest.mark.promise
ERROR = ("RuntimeError", "broken for good")
FAILED = ["task_failed", "stopped", "bad", 1, *ERROR]


@promise("dag-14", "dag-15")
def test_after_a_failure_nothing_starts_and_running_tasks_finish(place: Place) -> None:
    """``running`` ends only when the failure is known, so ``aside`` could start if it might."""
    with DAG("stopped", max_workers=2) as dag:
        bad = app.break_when.bind("bad", awaited="running begins")
        bad >> app.mark.bind("behind") >> app.mark.bind("far_behind")
        app.wait_for.bind("running", awaited="task_failed") >> app.mark.bind("aside")
    report = place.run(dag, diary=True)
    assert report.results is None
    assert report.error == ERROR
    assert sorted(report.diary[:2]) == ["bad begins", "running begins"]
    assert report.diary[2:] == ["bad", FAILED, "running"]
    if place.on_redis:
        assert report.states["behind"] is report.states["far_behind"] is TaskState.UPSTREAM_FAILED
        assert report.states["aside"] is TaskState.CANCELLED


@promise("dag-20")
def test_with_continue_only_downstream_tasks_do_not_start(place: Place) -> None:
    with DAG("going_on", on_failure="continue") as dag:
        bad = app.break_when.bind("bad", awaited='"beside"')
        begin = app.mark.bind("begin")
        begin >> bad >> app.mark.bind("behind")
        begin >> app.mark.bind("beside") >> app.wait_for.bind("on", awaited="task_failed")
    report = place.run(dag, diary=True)
    assert report.error == ERROR
    assert "on" in report.diary
    assert "behind" not in report.diary


@promise("dag-16", "dag-17")
@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_run_raises_the_exception_of_the_failed_task(place: Place, policy: str) -> None:
    """Here its own exception with a note, from workers an error with all there is to tell."""
    with DAG("raising", on_failure=policy) as dag:
        app.start.bind("begin", how="bad") >> app.arm.bind("bad") >> app.after
    with pytest.raises((ValueError, TaskExecutionError)) as caught:
        dag.run(**place.options)
    error = caught.value
    if not place.on_redis:
        assert type(error) is ValueError
        assert str(error) == "this arm is bad"
        assert error.__notes__[-1] == "Raised by task 'bad' of DAG 'raising'."
        return
    assert isinstance(error, TaskExecutionError)
    messages = (error.task_name, error.error_type, error.error_message)
    assert messages == ("bad", "ValueError", "this arm is bad")
    traceback = error.remote_traceback.rstrip()
    assert "everywhere_app.py" in traceback
    assert ", in arm\n" in traceback
    assert traceback.endswith("ValueError: this arm is bad")
    assert traceback in str(error)


@promise("task-23")
def test_an_attempt_that_takes_too_long_fails_as_a_timeout(place: Place) -> None:
    with DAG("late") as dag:
        app.hangs >> app.after
    report = place.run(dag)
    assert report.error is not None
    assert report.error[0] == "TaskTimeout"
    assert "took longer than its timeout of 0.05 s" in report.error[1]
