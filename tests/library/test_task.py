"""What @task promises: attributes, direct calls, conditions, edges, the registry."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading

import pytest

from flowkit import DAG, Task, task
from flowkit.definition.task import registered_task
from flowkit.exceptions import TaskTimeout


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("time.sleep", taken.append)
    return taken


def add(x, y=1):
    """Add two numbers."""
    return x + y


class Flaky:
    """Fails ``times`` times, then returns what it was given."""

    def __init__(self, times: int, error: type[BaseException] = ValueError) -> None:
        self.times, self.error, self.calls = times, error, 0

    def __call__(self, value=None):
        self.calls += 1
        if self.calls <= self.times:
            raise self.error(f"call {self.calls}")
        return value


# -- making one ------------------------------------------------------------------------------


@pytest.mark.promise("task-1", "task-2", "task-5")
@pytest.mark.parametrize("decorate", [task, task(), task(retries=2), Task])
def test_a_task_keeps_the_functions_name_docstring_and_signature(decorate):
    made = decorate(add)
    assert isinstance(made, Task)
    assert (made.func, made.name, made.__name__, made.__doc__) == (add, "add", "add", add.__doc__)
    assert inspect.signature(made) == inspect.signature(add)
    assert made.__wrapped__ is add


def test_a_tasks_type_can_be_spelt_out_where_it_is_evaluated():
    spelt = Task[[int, int], int](add)
    assert isinstance(spelt, Task)
    assert (spelt(1, y=2), spelt.bind(y=3)(1)) == (3, 4)


@pytest.mark.promise("task-3", "task-5")
def test_the_defaults_are_those_promised():
    made = task(add)
    assert (made.retries, made.delay, made.backoff, made.when) == (0, 1.0, 2.0, None)
    assert (made.upstream, made.downstream) == ([], [])
    assert (made.timeout, made.policy.queue, made.policy.priority) == (None, "default", 5)
    assert made.retry_on == (Exception,)
    assert (made.cache_ttl, made.cache_key) == (None, None)


@pytest.mark.promise("task-4", "task-5")
def test_options_are_kept():
    def positive(x):
        return x > 0

    cached = {"cache_ttl": 60, "cache_key": positive}
    made = Task(
        add, retries=3, delay=0.5, backoff=3, when=positive, name="sum", timeout=9, **cached
    )
    assert (made.cache_ttl, made.cache_key) == (60.0, positive)
    assert (made.retries, made.delay, made.backoff, made.when) == (3, 0.5, 3.0, positive)
    assert (made.name, made.timeout) == ("sum", 9.0)


def test_a_functions_own_attributes_do_not_overwrite_the_tasks():
    def load():
        return 1

    load.name = "not this"
    load.upstream = "nor this"
    made = task(load)
    assert (made.name, made.upstream) == ("load", [])


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"retries": -1}, ValueError, ["'add'", "retries", "0 to", "-1"]),
        ({"retries": 1.5}, TypeError, ["'add'", "retries", "whole number", "1.5"]),
        ({"retries": True}, TypeError, ["retries", "whole number", "True"]),
        ({"delay": -0.1}, ValueError, ["delay", "0 or more", "-0.1"]),
        ({"delay": float("nan")}, ValueError, ["delay", "finite", "nan"]),
        ({"delay": float("inf")}, ValueError, ["delay", "finite", "inf"]),
        ({"delay": "1"}, TypeError, ["delay", "number", "'1'"]),
        ({"backoff": 0}, ValueError, ["backoff", "above 0"]),
        ({"max_delay": -1}, ValueError, ["max_delay", "0 or more"]),
        ({"timeout": 0}, ValueError, ["timeout", "above 0"]),
        ({"trigger": "all_done"}, ValueError, ["trigger", "'all_over'", "'all_done'"]),
        ({"trigger": "run_failed"}, ValueError, ["trigger", "'none_failed'", "'run_failed'"]),
        ({"trigger": None}, TypeError, ["trigger", "'any_succeeded'", "None"]),
        ({"queue": "a b"}, ValueError, ["queue", "letters", "'a b'"]),
        ({"queue": "q" * 65}, ValueError, ["queue", "64"]),
        ({"queue": 3}, TypeError, ["queue", "string", "3"]),
        ({"priority": 10}, ValueError, ["priority", "0 to 9", "10"]),
        ({"retry_on": "IOError"}, TypeError, ["retry_on", "exception class", "'IOError'"]),
        ({"retry_on": KeyboardInterrupt}, TypeError, ["retry_on", "subclasses of Exception"]),
        ({"retry_on": (OSError, 3)}, TypeError, ["retry_on", "3"]),
        ({"cache_ttl": 0}, ValueError, ["cache_ttl", "above 0", "0"]),
        ({"cache_ttl": "1h"}, TypeError, ["cache_ttl", "a number", "'1h'"]),
        ({"cache_ttl": float("inf")}, ValueError, ["cache_ttl", "finite"]),
        ({"cache_ttl": 1, "cache_key": "id"}, TypeError, ["cache_key", "function", "'id'"]),
        ({"cache_key": len}, ValueError, ["cache_key", "without cache_ttl"]),
        ({"at_most_once": 1}, TypeError, ["at_most_once", "True or False", "1"]),
        ({"copy_arguments": 1}, TypeError, ["'add'", "copy_arguments", "True or False", "1"]),
        (
            {"at_most_once": True, "retries": 2},
            ValueError,
            ["'add'", "at_most_once=True", "retries=2", "Give one of them"],
        ),
        ({"when": True}, TypeError, ["when", "function", "True"]),
        ({"retrys": 3}, TypeError, ["'add'", "option 'retrys'", "Did you mean 'retries'?"]),
        ({"name": ""}, ValueError, ["name of a task", "1 to 200"]),
        ({"name": "two\nlines"}, ValueError, ["'two\\nlines'", "control character"]),
        ({"name": "x" * 201}, ValueError, ["1 to 200"]),
        ({"name": 7}, TypeError, ["string", "7"]),
    ],
)
def test_a_bad_option_is_refused_in_words(options, kind, words):
    with pytest.raises(kind) as caught:
        task(**options)(add)
    for word in words:
        assert word in str(caught.value)


def test_an_async_predicate_is_refused():
    async def later(x):
        return True

    with pytest.raises(TypeError, match="'add': when must be an ordinary function"):
        task(when=later)(add)
    with pytest.raises(TypeError, match="'add': cache_key must be an ordinary function"):
        task(cache_ttl=1, cache_key=later)(add)


def test_a_non_function_is_refused_clearly():
    def numbers():
        yield 1

    async def stream():
        yield 1

    with pytest.raises(TypeError, match=r"'numbers': a generator function.*Return a list"):
        task(numbers)
    with pytest.raises(TypeError, match="generator function"):
        task(stream)
    with pytest.raises(TypeError, match="not of the class"):
        task(dict)
    with pytest.raises(TypeError, match=r"not of 'load'.*@task"):
        task("load")
    with pytest.raises(TypeError, match="has no name: give one"):
        task(functools.partial(add, 1))


def test_a_method_is_refused_and_a_method_of_an_object_is_not():
    """``self`` was whatever came first among the arguments."""
    with pytest.raises(TypeError, match=r"'render': a method of 'Report' cannot be.*my_report.ren"):

        class Report:
            @task
            def render(self, rows=2):
                return rows

    class Page:
        def render(self, rows=2):
            return rows

        @staticmethod
        @task
        def alone(rows=3):
            return rows

    assert (Task(Page().render)(5), Page.alone()) == (5, 3)


def test_names_may_hold_anything_printable():
    assert task(name="Übung 1: \"a\" -> 'b' | 数据")(add).name == "Übung 1: \"a\" -> 'b' | 数据"


# -- calling one -----------------------------------------------------------------------------


@pytest.mark.promise("task-7")
def test_calling_a_task_runs_it_here_and_now():
    assert task(add)(1, y=2) == 3


@pytest.mark.promise("task-8")
def test_retries_3_means_up_to_4_calls_and_the_last_exception_is_raised(sleeps):
    flaky = Flaky(99)
    with pytest.raises(ValueError, match="call 4"):
        Task(flaky, name="flaky", retries=3)()
    assert flaky.calls == 4


@pytest.mark.promise("task-7")
def test_a_retried_call_returns_the_result_of_the_attempt_that_succeeded(sleeps):
    flaky = Flaky(2)
    assert Task(flaky, name="flaky", retries=3)("done") == "done"
    assert flaky.calls == 3


@pytest.mark.promise("task-9")
def test_waits_grow_by_backoff_with_a_jitter_of_up_to_a_tenth(sleeps):
    with pytest.raises(ValueError):
        Task(Flaky(99), name="flaky", retries=4, delay=1, backoff=3, max_delay=10)()
    assert len(sleeps) == 4
    for wait, base in zip(sleeps, [1, 3, 9, 10], strict=True):
        assert base <= wait <= base * 1.1


def test_only_errors_named_by_retry_on_are_retried(sleeps):
    flaky = Flaky(99)
    with pytest.raises(ValueError, match="call 1"):
        Task(flaky, name="flaky", retries=3, retry_on=(OSError, KeyError))()
    assert (flaky.calls, sleeps) == (1, [])


def test_a_keyboard_interrupt_is_never_retried(sleeps):
    flaky = Flaky(99, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        Task(flaky, name="flaky", retries=3)()
    assert flaky.calls == 1


@pytest.mark.promise("task-7", "task-10", "task-13")
def test_when_decides_with_the_first_result_and_a_skipped_call_returns_none():
    made = task(when=lambda x: x > 10)(add)
    assert made(11) == 12
    assert made(3) is None


@pytest.mark.promise("task-11")
def test_a_predicate_that_takes_more_parameters_gets_as_many_results():
    seen = []
    task(when=lambda a, b: seen.append((a, b)))(lambda *values: values)(1, 2, 3)
    task(when=lambda *all_of_them: seen.append(all_of_them))(lambda *values: values)(1, 2, 3)
    assert seen == [(1, 2), (1, 2, 3)]


def test_a_predicates_default_is_not_overwritten_by_a_second_result():
    assert task(when=lambda x, limit=10: x < limit)(add)(5, 1) == 6


@pytest.mark.promise("task-12", "task-13")
def test_a_conditional_task_called_with_no_argument_at_all_is_skipped():
    calls = []
    assert task(when=lambda *a: True)(lambda: calls.append(1))() is None
    assert calls == []


def test_a_predicate_sees_keyword_arguments_in_declared_order():
    made = task(when=lambda x: x == "first")(lambda x, y: (x, y))
    assert made(y="second", x="first") == ("first", "second")


@pytest.mark.promise("task-14")
def test_a_predicate_that_raises_fails_the_task_with_that_exception(sleeps):
    def broken(x):
        raise LookupError("predicate")

    with pytest.raises(LookupError, match="predicate"):
        task(when=broken, retries=3)(add)(1)
    assert sleeps == []


@pytest.mark.promise("task-20")
def test_an_async_task_called_directly_gives_a_coroutine_of_the_same_semantics(monkeypatch):
    calls, slept = [], []

    async def note(delay):
        slept.append(delay)

    monkeypatch.setattr("asyncio.sleep", note)

    @task(retries=2, delay=4, when=lambda x: x > 0)
    async def fetch(x):
        calls.append(x)
        if len(calls) < 3:
            raise OSError
        return x * 2

    assert fetch.is_async
    assert asyncio.run(fetch(4)) == 8
    assert asyncio.run(fetch(-1)) is None
    assert calls == [4, 4, 4]
    assert 4 <= slept[0] <= 4.4
    assert 8 <= slept[1] <= 8.8


def test_an_async_task_called_directly_keeps_its_timeout():
    @task(timeout=0.01)
    async def stuck():
        await asyncio.Event().wait()

    with pytest.raises(TaskTimeout, match=r"'stuck' took longer than its timeout of 0.01 s"):
        asyncio.run(stuck())


@pytest.mark.parametrize("ending", ["return", "raise"])
def test_an_async_task_that_catches_its_cancellation_still_times_out(ending):
    @task(timeout=0.01)
    async def stubborn():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if ending == "raise":
                raise ConnectionError("cut off") from None
        return "as if it were done"

    with pytest.raises(TaskTimeout, match="'stubborn' took longer") as caught:
        asyncio.run(stubborn())
    assert isinstance(caught.value.__cause__, ConnectionError) is (ending == "raise")


def test_a_timeout_error_raised_by_the_task_is_not_its_timeout():
    @task(timeout=30)
    async def asks():
        raise TimeoutError("the server")

    with pytest.raises(TimeoutError, match="the server"):
        asyncio.run(asks())


def test_a_partial_of_a_coroutine_function_is_async():
    async def fetch(x, y):
        return x + y

    made = Task(functools.partial(fetch, y=1), name="fetch_one")
    assert made.is_async
    assert asyncio.run(made(1)) == 2


# -- edges -----------------------------------------------------------------------------------


@pytest.fixture
def abcd() -> tuple[Task, ...]:
    return tuple(Task(lambda *a: a, name=name) for name in "abcd")


@pytest.mark.promise("task-6", "task-15")
def test_an_edge_is_on_both_tasks_in_the_order_drawn(abcd):
    a, b, c, _ = abcd
    assert (a >> c) is c
    assert (b >> c) is c
    assert (c.upstream, a.downstream, b.downstream) == ([a, b], [c], [c])


@pytest.mark.promise("task-15")
def test_a_list_on_the_right_is_returned_for_chaining(abcd):
    a, b, c, d = abcd
    both = [b, c]
    assert (a >> both) == both
    assert (both >> d) is d
    assert (a.downstream, d.upstream) == ([b, c], [b, c])


def test_edges_chain(abcd):
    a, b, c, d = abcd
    assert (a >> (b, c) >> d) is d
    assert (b.upstream, c.upstream, d.upstream) == ([a], [a], [b, c])


@pytest.mark.promise("task-16")
def test_drawing_the_same_edge_twice_is_one_edge(abcd):
    a, b, c, _ = abcd
    a >> b
    a >> [b, c]
    [a, c] >> b
    assert (a.downstream, b.upstream) == ([b, c], [a, c])


@pytest.mark.promise("task-17")
@pytest.mark.parametrize("other", [5, "b", None, lambda: 1])
def test_an_edge_to_anything_else_is_a_type_error_that_says_so(abcd, other):
    a, b, *_ = abcd
    with pytest.raises(TypeError, match=r"not a task but .*decorated with @task"):
        a >> other
    with pytest.raises(TypeError, match="not a task but"):
        a >> [b, other]
    with pytest.raises(TypeError, match="not a task but"):
        other >> a
    assert (a.upstream, a.downstream, b.upstream) == ([], [], [])


@pytest.mark.promise("task-18")
def test_the_repr_counts_the_edges(abcd):
    load, b, c, _ = abcd
    load.name = "load"
    b >> load
    load >> c
    load >> b
    assert repr(load) == "Task(name='load', upstream=1, downstream=2)"


def test_an_edge_drawn_in_a_block_of_another_thread_stays_out(abcd):
    a, b, c, _ = abcd
    with DAG("here") as dag:
        thread = threading.Thread(target=lambda: a >> b)
        thread.start()
        thread.join()
        a >> c
    assert (a.downstream, dag.edges()) == ([b], [(a, c)])


# -- more tasks of one function --------------------------------------------------------------


@pytest.mark.promise("task-21")
def test_bind_makes_another_task_of_that_name_with_fixed_arguments():
    @task(retries=2)
    def analyse(rows, part=0):
        return rows, part

    third = analyse.bind("analyse_3", part=3)
    assert (third.name, third.base, dict(third.kwargs)) == ("analyse_3", analyse, {"part": 3})
    assert (third.func, third.policy, third.ref) == (analyse.func, analyse.policy, analyse.ref)
    assert third("rows") == ("rows", 3)
    assert third("rows", part=4) == ("rows", 4)


def test_bind_without_a_name_counts_from_2_and_leaves_taken_names_out():
    analyse = Task(lambda part: part, name="analyse")
    names = [analyse.bind(part=1).name, analyse.bind("analyse_4", part=2).name]
    names += [analyse.bind(part=3).name, analyse.bind(part=4).name]
    assert len(set(names)) == 4
    assert names[:2] == ["analyse_2", "analyse_4"]


def test_binding_a_bound_task_adds_to_its_arguments():
    base = Task(lambda a, b: (a, b), name="base")
    both = base.bind("x", a=1).bind("y", b=2)
    assert (both.base, both()) == (base, (1, 2))


def test_binding_an_argument_the_function_does_not_declare_is_a_type_error_naming_it():
    analyse = Task(lambda rows, part: part, name="analyse")
    with pytest.raises(TypeError, match=r"analyse.bind: unknown argument 'prat'.*mean 'part'"):
        analyse.bind(prat=3)
    assert Task(lambda **kw: kw, name="any").bind("x", prat=3)() == {"prat": 3}


def test_bound_arguments_may_be_called_self_and_name():
    made = Task(lambda self, name: (self, name), name="odd").bind(self=1, name=2)
    assert made() == (1, 2)


def test_edges_of_a_bound_task_are_its_own(abcd):
    a, b, *_ = abcd
    a >> b
    bound = a.bind("bound")
    bound >> b
    assert (a.downstream, bound.downstream, b.upstream) == ([b], [b], [a, bound])


# -- the registry ----------------------------------------------------------------------------


@pytest.mark.promise("task-24")
def test_each_task_registers_itself_and_clear_registry_forgets_all():
    made = task(add)
    bound = made.bind("other")
    assert Task._all_tasks == [made, bound]
    assert registered_task(f"{__name__}:add") is made
    Task.clear_registry()
    assert Task._all_tasks == []
    assert registered_task(f"{__name__}:add") is None


def test_under_one_reference_the_last_definition_wins_but_no_bound_task():
    task(add)
    last = task(add)
    last.bind("other")
    assert registered_task(last.ref) is last


def test_an_edge_to_a_dag_names_as_task() -> None:
    with pytest.raises(TypeError, match=r"this is a DAG\. .*make a task of it: dag\.as_task"):
        Task(print, name="first") >> DAG("etl")  # type: ignore[operator]
