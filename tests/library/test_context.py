"""current_attempt(): the right one in threads and coroutines, an error elsewhere."""

from __future__ import annotations

import asyncio
import threading

import pytest

from flowkit import FlowkitError, current_attempt
from flowkit.context import Attempt, attempt_scope, enter_attempt, leave_attempt


def attempt(number: int) -> Attempt:
    return Attempt("run", "task", number, {"day": number})


def test_outside_of_a_run_it_is_an_error_that_says_what_to_do():
    with pytest.raises(FlowkitError, match=r"outside of a run.*attempt_scope"):
        current_attempt()


def test_scopes_nest_and_end():
    with attempt_scope(attempt(1)) as outer:
        with attempt_scope(attempt(2)):
            assert current_attempt() == attempt(2)
        assert current_attempt() == outer
    with pytest.raises(FlowkitError):
        current_attempt()


def test_a_scope_ends_with_an_exception_too():
    with pytest.raises(RuntimeError), attempt_scope(attempt(1)):
        raise RuntimeError
    with pytest.raises(FlowkitError):
        current_attempt()


def test_entering_and_leaving_by_token():
    token = enter_attempt("run", "task", 3, {"day": 3})
    assert current_attempt() == attempt(3)
    leave_attempt(token)
    with pytest.raises(FlowkitError):
        current_attempt()


def test_threads_do_not_see_each_others_attempts():
    found: dict[int, object] = {}
    together = threading.Barrier(3, timeout=20)

    def look(number: int) -> None:
        with attempt_scope(attempt(number)):
            together.wait()
            found[number] = current_attempt()

    threads = [threading.Thread(target=look, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: attempt(number) for number in range(3)}


def test_coroutines_on_one_loop_do_not_see_each_others_attempts():
    async def look(number: int) -> Attempt:
        enter_attempt("run", "task", number, {"day": number})
        await asyncio.sleep(0)
        return current_attempt()

    async def everyone() -> list[Attempt]:
        return await asyncio.gather(*map(look, range(5)))

    assert asyncio.run(everyone()) == [attempt(number) for number in range(5)]


def test_an_attempt_cannot_be_changed():
    with pytest.raises(AttributeError):
        attempt(1).attempt = 2  # type: ignore[misc]
