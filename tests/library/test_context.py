"""current_attempt(): the right one in threads and coroutines, an error elsewhere. And what of the
caller's context the attempts of a run get.
"""

from __future__ import annotations

import asyncio
import decimal
import threading
from contextvars import ContextVar

import pytest
from helpers import wait_until

from flowkit import DAG, FlowkitError, Task, current_attempt
from flowkit.context import Attempt, attempt_scope, enter_attempt, leave_attempt
from flowkit.definition.hooks import HookEvent, Hooks
from flowkit.execution.attempt_contexts import AttemptContexts

request_id = ContextVar("request_id", default="-")


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
    result: dict[int, object] = {}
    together = threading.Barrier(3, timeout=20)

    def look(number: int) -> None:
        with attempt_scope(attempt(number)):
            together.wait()
            result[number] = current_attempt()

    threads = [threading.Thread(target=look, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert result == {number: attempt(number) for number in range(3)}


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


# -- the context of the caller -----------------------------------------------------------------


def ask_for_request() -> str:
    return request_id.get()


async def ask_for_request_async() -> str:
    return request_id.get()


def requests_dag() -> DAG:
    with DAG("requests") as dag:
        dag.add(Task(ask_for_request, name="plain"))
        dag.add(Task(ask_for_request_async, name="async"))
        dag.add(Task(ask_for_request_async, name="cached", cache_ttl=60, cache_key=request_id.get))
    return dag


def in_own_context(function):
    """Call it so that it changes no context of the tests after it."""
    return AttemptContexts().new().run(function)


@pytest.mark.parametrize("max_workers", [None, 1])
@pytest.mark.parametrize("awaited", [False, True], ids=["run", "arun"])
def test_tasks_in_this_process_see_what_the_caller_of_run_had_set(max_workers, awaited):
    async def await_run():
        return await requests_dag().arun(max_workers=max_workers)

    def run():
        request_id.set(f"request {max_workers} {awaited}")
        if awaited:
            return asyncio.run(await_run())
        return requests_dag().run(max_workers=max_workers)

    assert set(in_own_context(run).values()) == {f"request {max_workers} {awaited}"}


def test_no_task_changes_what_the_caller_of_run_had_set():
    def coarse() -> None:
        request_id.set("the task's")
        decimal.getcontext().prec = 2

    async def coarse_async() -> None:
        coarse()

    def run():
        request_id.set("the caller's")
        decimal.getcontext().prec = 9
        with DAG("coarse") as dag:
            dag.add(Task(coarse, name="plain"))
            dag.add(Task(coarse_async, name="async"))
        dag.run()
        return request_id.get(), decimal.getcontext().prec

    assert in_own_context(run) == ("the caller's", 9)


def test_each_attempt_gets_the_decimal_context_as_it_was_at_the_beginning():
    """Also if the program continues meanwhile, as it does after ``arun``."""

    def look():
        contexts = AttemptContexts()
        decimal.getcontext().prec = 2
        return contexts.new().run(lambda: decimal.getcontext().prec)

    def run():
        decimal.getcontext().prec = 9
        return look()

    assert in_own_context(run) == 9


def test_a_retry_hook_leaves_nothing_to_the_next_call():
    seen: list[str] = []

    def note(event: HookEvent) -> None:
        seen.append(request_id.get())
        request_id.set("the hook's")

    def fail() -> None:
        raise OSError

    with DAG("hooked", hooks=Hooks(on_retry=note)) as dag:
        dag.add(Task(fail, retries=2, delay=0))
    with pytest.raises(OSError):
        in_own_context(dag.run)
    wait_until("both calls were made", lambda: len(seen) == 2)
    assert seen == ["-", "-"]
