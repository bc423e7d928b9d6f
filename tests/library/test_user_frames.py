"""The traceback of a task's error begins in the task, whoever called it."""

from __future__ import annotations

from flowkit.basics.suggestions import similar_name
from flowkit.execution.user_frames import user_frames


def caught(call: object) -> BaseException:
    try:
        exec(call, {"__name__": "flowkit.anything", "task": fail})  # type: ignore[arg-type]
    except BaseException as error:
        error.__traceback__ = error.__traceback__.tb_next  # type: ignore[union-attr]
        return error
    raise AssertionError("it raised nothing")


def fail() -> None:
    similar_name(1, ["a"])  # type: ignore[arg-type]


def test_frames_of_flowkit_before_the_task_are_left_out_and_those_after_it_stay() -> None:
    trace = user_frames(caught("task()"))
    assert trace is not None
    assert trace.tb_frame.f_code.co_name == "fail"
    assert trace.tb_next is not None
    assert trace.tb_next.tb_frame.f_code.co_name == "similar_name"


def test_without_a_frame_of_the_user_there_is_none() -> None:
    assert user_frames(caught("1 / 0")) is None
    assert user_frames(ValueError("never raised")) is None
