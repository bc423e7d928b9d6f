"""The executor: each way in which an attempt can end has one outcome, and nothing else gets out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bench import LANE, FakeInputs, claim_of, dag_of, executor_of

from flowkit import Task, current_attempt, task
from flowkit.codec.packing import pack, unpack
from flowkit.exceptions import RedisUnavailable, StoreError
from flowkit.protocol.app_functions import function_id
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import Claim
from flowkit.worker.executor import Executor
from flowkit.worker.prepared import NotHere, Prepared


def attempt(one: Task, *args: object, claim: Claim | None = None, **options: Any) -> Outcome:
    """Take an attempt of a task all the way, as the sync lane does."""
    executor = executor_of(
        FakeInputs(dag_of(one), *args, params=options.pop("params", None)), **options
    )
    prepared = executor.prepare(claim or claim_of())
    if isinstance(prepared, Outcome):
        return prepared
    try:
        result = prepared.task.func(*prepared.args, **prepared.kwargs)
    except BaseException as error:
        return executor.raised(prepared, error)
    return executor.succeeded(prepared, result, 0.1)


def error_of(outcome: Outcome) -> ErrorInfo:
    return ErrorInfo.unpack(outcome.payload)


# -- success ----------------------------------------------------------------------------------


def test_a_result_is_packed() -> None:
    @task
    def add(a: int, b: int) -> int:
        return a + b

    outcome = attempt(add, 1, 2)
    assert (outcome.run, outcome.token) == ("r1", "0,1,S")
    assert unpack(outcome.payload) == 3


def test_none_is_stored_as_nothing() -> None:
    @task
    def nothing() -> None: ...

    assert attempt(nothing) == Outcome.decode("r1", "0,1,S", b"")


def test_a_result_is_remembered_for_tasks_downstream() -> None:
    @task
    def seven() -> int:
        return 7

    inputs = FakeInputs(dag_of(seven))
    executor = executor_of(inputs)
    prepared = executor.prepare(claim_of())
    assert isinstance(prepared, Prepared)
    executor.succeeded(prepared, 7, 0.0)
    assert inputs.remembered == [(0, pack(7))]


def test_parameters_and_fixed_arguments_are_given_by_name() -> None:
    @task
    def greet(upstream: str, *, name: str, mark: str = "!") -> str:
        return f"{upstream} {name}{mark}"

    outcome = attempt(greet, "Hello", params={"name": "Ada", "other": 1})
    assert unpack(outcome.payload) == "Hello Ada!"


# -- skips ------------------------------------------------------------------------------------


def test_a_predicate_that_says_no_skips() -> None:
    @task(when=lambda value: value > 10)
    def large(value: int) -> int:
        return value

    assert attempt(large, 3) == Outcome.decode("r1", "0,1,K", b"")
    assert attempt(large, 30).token == "0,1,S"


def test_results_of_order_edges_are_not_asked_for() -> None:
    @task
    def load(rows: object) -> None: ...

    @task
    def one() -> None: ...

    dag = dag_of(load, one, one.bind("two"), edges=[(2, 0)], order=[(1, 0)])
    inputs = FakeInputs(dag, "rows")
    assert isinstance(executor_of(inputs).prepare(claim_of()), Prepared)
    assert inputs.asked_for == [[2]]


@pytest.mark.parametrize(("ordered", "token"), [(True, "0,1,S"), (False, "0,1,K")])
def test_a_predicate_is_asked_if_the_task_only_comes_after_others(
    ordered: bool, token: str
) -> None:
    @task(when=lambda: True)
    def load() -> int:
        return 1

    @task
    def setup() -> None: ...

    dag = dag_of(load, setup, order=[(1, 0)] if ordered else [])
    prepared = executor_of(FakeInputs(dag)).prepare(claim_of())
    if ordered:
        assert isinstance(prepared, Prepared)
        assert prepared.args == []
    else:
        assert isinstance(prepared, Outcome)
        assert prepared.token == token


def test_a_predicate_that_raises_fails_the_task_for_good() -> None:
    @task(when=lambda value: value["missing"], retries=5)
    def picky(value: object) -> None: ...

    outcome = attempt(picky, {})
    assert outcome.token == "0,1,F"
    assert error_of(outcome).type == "KeyError"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_a_predicate_cannot_end_the_process_by_an_exception(error: BaseException) -> None:
    def leave(value: object) -> bool:
        raise error

    @task(when=leave)
    def unlucky(value: object) -> None: ...

    assert attempt(unlucky, 1).token == "0,1,F"


def test_a_predicate_knows_which_attempt_it_belongs_to() -> None:
    seen: list[str] = []

    @task(when=lambda value: bool(seen.append(current_attempt().task) or True))
    def asked(value: object) -> None: ...

    attempt(asked, 1)
    assert seen == ["asked"]


# -- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spent", "number", "token"),
    [
        ("0", 1, "0,1,W,2000,default,5"),
        ("0", 2, "0,2,W,6000,default,5"),
        ("0", 3, "0,3,F"),
        ("1", 3, "0,3,W,6000,default,5"),  # a death is no failure
        ("0/4", 5, "0,5,W,2000,default,5"),  # nor what was before a resume
        ("0*2", 4, "0,4,W,6000,default,5"),  # nor a worker that did not know the task
        ("1/4*2!", 10, "0,10,F"),
    ],
)
def test_retries_follow_the_policy_and_count_failures_only(
    spent: str, number: int, token: str
) -> None:
    @task(retries=2, delay=2.0, backoff=3.0)
    def fails() -> None:
        raise OSError("no luck")

    assert attempt(fails, claim=claim_of(0, number, spent)).token == token


def test_the_jitter_adds_up_to_a_tenth() -> None:
    @task(retries=1, delay=10.0)
    def fails() -> None:
        raise OSError

    assert attempt(fails, random_unit=0.5).token == "0,1,W,10500,default,5"


def test_a_retry_goes_where_the_task_belongs() -> None:
    @task(retries=1, delay=1.0, queue="gpu", priority=8)
    async def fails() -> None: ...

    inputs = FakeInputs(dag_of(fails))
    executor = executor_of(inputs)
    prepared = executor.prepare(claim_of())
    assert isinstance(prepared, Prepared)
    assert executor.raised(prepared, OSError()).token == "0,1,W,1000,gpu~async,8"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionResetError("in the family"), "W"),
        (ValueError("not in it"), "F"),
        (SystemExit(1), "F"),
        (KeyboardInterrupt(), "F"),
    ],
)
def test_only_named_errors_are_retried(error: BaseException, code: str) -> None:
    @task(retries=1, retry_on=ConnectionError)
    def fails() -> None:
        raise error

    outcome = attempt(fails)
    assert outcome.token.split(",")[2] == code
    assert error_of(outcome).type == type(error).__name__


def test_an_error_keeps_its_message_and_the_user_s_frames_only() -> None:
    @task
    def fails() -> None:
        raise ValueError("what was wrong")

    info = error_of(attempt(fails))
    assert (info.type, info.message) == ("ValueError", "what was wrong")
    assert "test_executor.py" in info.traceback
    assert "worker/executor.py" not in info.traceback


def _unprintable(reason: type[BaseException]) -> type[Exception]:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise reason

    return MuteError


@pytest.mark.parametrize("reason", [LookupError, SystemExit])
@pytest.mark.parametrize("retries", [0, 1])
def test_an_error_that_cannot_be_printed_is_an_outcome_too(
    reason: type[BaseException], retries: int
) -> None:
    @task(retries=retries)
    def fails() -> None:
        raise _unprintable(reason)

    info = error_of(attempt(fails))
    assert (info.type, info.message) == ("MuteError", "(its message cannot be read)")


# -- what cannot be stored ----------------------------------------------------------------------


def test_a_result_that_cannot_be_packed_fails_with_its_path_without_retry() -> None:
    @task(retries=5)
    def lock() -> dict[str, list[object]]:
        return {"a": [1, object()]}

    outcome = attempt(lock)
    assert outcome.token == "0,1,F"
    assert "result['a'][1]" in error_of(outcome).message
    assert error_of(outcome).traceback == ""  # none of the user's code is to blame


def test_a_result_that_is_too_large_fails() -> None:
    @task
    def much() -> bytes:
        return bytes(20_000)

    assert error_of(attempt(much)).type == "ValueTooLarge"


def test_a_result_whose_own_code_breaks_the_packing_is_an_outcome_too() -> None:
    class Trap(list):  # type: ignore[type-arg]
        @property
        def __class__(self) -> Any:
            raise SystemExit("sprung")

    @task(retries=5)
    def trap() -> object:
        return Trap()

    assert attempt(trap).token == "0,1,F"


# -- what the worker does not have ----------------------------------------------------------------


def unknown(*functions: str) -> Outcome | NotHere | Prepared:
    @task(retries=9, queue="q", priority=3)
    def there() -> None: ...

    dag = dag_of(there)
    Task.clear_registry()
    return executor_of(FakeInputs(dag), functions=functions).prepare(claim_of(0, 1))


@pytest.fixture
def registry() -> Any:
    kept = list(Task._all_tasks), dict(Task._by_ref)
    yield
    Task._all_tasks[:] = kept[0]
    Task._by_ref.update(kept[1])


@pytest.mark.usefixtures("registry")
def test_a_task_that_the_app_lacks_is_handed_on_by_its_function() -> None:
    result = unknown()
    assert isinstance(result, NotHere)
    assert result.claim.key == claim_of(0, 1).key
    assert result.function == function_id(f"{__name__}:unknown.<locals>.there")


@pytest.mark.usefixtures("registry")
def test_a_task_that_the_app_dropped_after_it_was_loaded_fails() -> None:
    """Workers of this app are said to have it, so handing it on would have no end."""
    handed_on = unknown()
    assert isinstance(handed_on, NotHere)
    outcome = unknown(handed_on.function)
    assert isinstance(outcome, Outcome)
    assert outcome.token == "0,1,F", "its policy's retries are for another trouble"
    info = error_of(outcome)
    assert info.type == "TaskNotFoundError"
    for word in ("'my_app'", LANE, "there'", "--app"):
        assert word in info.message


# -- trouble with the store -----------------------------------------------------------------------


class _Broken(FakeInputs):
    error: Exception

    def upstream(self, claim: Claim, tasks: object) -> list[object]:
        raise self.error


def broken(error: Exception) -> Executor:
    @task
    def fine() -> None: ...

    inputs = _Broken(dag_of(fine))
    inputs.error = error
    return executor_of(inputs)


def test_an_outage_does_not_fail_the_task() -> None:
    with pytest.raises(RedisUnavailable):
        broken(RedisUnavailable("away")).prepare(claim_of())


@pytest.mark.parametrize("error", [StoreError("graph is gone"), ValueError("damaged")])
def test_unreadable_data_fails_the_task(error: Exception) -> None:
    outcome = broken(error).prepare(claim_of())
    assert isinstance(outcome, Outcome)
    assert outcome.token == "0,1,F"
    assert error_of(outcome).message == str(error)


# -- the board and cancels ------------------------------------------------------------------------


def slot_text(make: Callable[[], Task], claim: Claim) -> str:
    executor = executor_of(FakeInputs(dag_of(make())))
    prepared = executor.prepare(claim)
    assert isinstance(prepared, Prepared)
    return executor.slot_text(prepared)


def timed(**options: Any) -> Callable[[], Task]:
    def make() -> Task:
        @task(**options)
        def slow() -> None: ...

        return slow

    return make


def test_the_slot_names_the_attempt_and_its_timeout_outcome() -> None:
    with_retry = timed(timeout=1.5, retries=1, delay=2.0)
    assert slot_text(with_retry, claim_of()) == "r1,0,1|0,1,W,2000,default,5|1.5|slow"
    assert slot_text(with_retry, claim_of(0, 2)) == "r1,0,2|0,2,F|1.5|slow"
    assert slot_text(timed(timeout=1.5), claim_of(0, 2, "1!")) == "r1,0,2!|0,2,F|1.5|slow"


def test_the_slot_names_an_attempt_without_a_deadline_by_its_task() -> None:
    executor = executor_of(FakeInputs(dag_of(timed()())))
    assert executor.slot_key(claim_of(0, 2)) == "r1,0,2|||slow"
    unknown = replace(claim_of(0, 2, "1!"), digest="not at hand")
    assert executor.slot_key(unknown) == "r1,0,2!"


def test_a_timeout_without_a_retry_fails() -> None:
    text = slot_text(timed(timeout=1.5, retries=3, retry_on=OSError), claim_of())
    assert text == "r1,0,1|0,1,F|1.5|slow"


def test_a_cancelled_attempt_says_so() -> None:
    @task
    def fine() -> None: ...

    assert executor_of(FakeInputs(dag_of(fine))).cancelled(claim_of(0, 4)).token == "0,4,C"


def test_a_message_of_50_mb_is_logged_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    """It was cut where it was stored, and logged whole, twice in a line."""

    @task
    def shout() -> None:
        raise ValueError("a" * 50_000_000)

    outcome = attempt(shout)
    assert len(outcome.payload) < 40_000
    assert "more" in error_of(outcome).message
    (line,) = capsys.readouterr().out.splitlines()
    assert len(line) < 12_000
    assert "49996020 more" in line
