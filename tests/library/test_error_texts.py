"""Errors whose ``__str__`` raises: wherever one is told, there is a text, and nothing worse."""

from __future__ import annotations

import pytest

from flowkit import DAG, Task, TaskExecutionError
from flowkit.app import load_app
from flowkit.basics.display_text import error_text
from flowkit.definition.hooks import HookEvent, Hooks
from flowkit.exceptions import AppError


class Speechless(Exception):
    def __str__(self) -> str:
        raise SystemExit("no words")

    __repr__ = __str__


def fail(*_: object) -> None:
    raise Speechless


def dag_of(member: Task, **options) -> DAG:
    dag = DAG("etl", **options)
    dag.add(member)
    return dag


def test_the_text_of_an_error():
    assert error_text(ValueError("bad row")) == "ValueError: bad row"
    assert error_text(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert error_text(Speechless()) == "Speechless: (its message cannot be read)"


def test_a_task_that_raises_one_fails_with_it(capsys):
    events: list[HookEvent] = []
    hooks = Hooks(on_retry=events.append, on_failure=events.append)
    with pytest.raises(Speechless):
        dag_of(Task(fail, retries=1, delay=0), hooks=hooks).run()
    assert [event.error_type for event in events] == ["Speechless", "Speechless"]
    assert "Task failed: fail (Speechless: <Speechless that" in capsys.readouterr().out


def test_a_base_exception_is_the_cause_of_the_failure():
    def leave() -> None:
        raise SpeechlessBase

    class SpeechlessBase(BaseException):
        __str__ = Speechless.__str__

    with pytest.raises(TaskExecutionError, match="'leave' failed: SpeechlessBase: <Spee"):
        dag_of(Task(leave)).run()


def test_an_unprintable_cache_key_error_does_not_fail_the_task(capsys):
    task = Task(lambda: 1, name="load", cache_ttl=60, cache_key=fail)
    assert dag_of(task).run() == {"load": 1}
    assert (
        "its cache_key raised Speechless: (its message cannot be read)" in capsys.readouterr().out
    )


def test_an_unprintable_app_error_is_reported_as_an_app_error(tmp_path):
    path = tmp_path / "speechless_app.py"
    path.write_text(
        "class Speechless(Exception):\n"
        "    def __str__(self):\n"
        "        raise ValueError\n"
        "raise Speechless\n"
    )
    with pytest.raises(AppError, match=r"cannot be loaded: Speechless: \(its message cannot"):
        load_app(str(path))
