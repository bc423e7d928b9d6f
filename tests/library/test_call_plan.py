"""Which argument comes from where: the rules at the top of flowkit/definition/call_plan.py."""

from __future__ import annotations

import functools
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit import DAG, Task, task
from flowkit.definition.call_plan import CallPlan, may_retry, missing_parameters, plan_for
from flowkit.exceptions import ParameterError


def plan_of(func, **options) -> CallPlan:
    return plan_for(Task(func, name="t", **options))


def every_kind(a, /, b, c=1, *rest, d, e=2, **more):
    return a


def test_a_plan_matches_the_signature():
    plan = plan_of(every_kind)
    assert plan.positional == ("a", "b", "c")
    assert plan.keyword == ("b", "c", "d", "e")
    assert plan.required == ("a", "b", "d")
    assert plan.takes_any_positional
    assert plan.takes_any_keyword


@pytest.mark.parametrize(
    "source",
    [
        "a, /, b, c=1, *rest, d, e=2, **more",
        "",
        "a=1, /",
        "*, only",
        "a, b, *, c=1, d",
        "*args",
        "**kwargs",
        "a, b=1, /, *args, c, **kwargs",
    ],
)
def test_plain_functions_are_read_as_inspect_reads_them(source):
    func = eval(f"lambda {source}: 1")
    wrapped = functools.wraps(func)(lambda *a, **k: func(*a, **k))
    assert inspect.signature(wrapped) == inspect.signature(func)
    assert plan_of(func) == plan_of(wrapped)


def test_decorators_that_keep_the_signature_are_seen_through():
    @functools.wraps(every_kind)
    def wrapped(*args, **kwargs):
        return every_kind(*args, **kwargs)

    assert plan_of(wrapped).positional == ("a", "b", "c")
    assert plan_of(functools.partial(every_kind, 1)).positional == ("b", "c")


def test_a_built_in_without_a_signature_takes_any_results():
    plan = plan_of(max)
    assert (plan.takes_any_positional, plan.keyword, plan.required) == (True, (), ())


def test_tasks_of_one_function_share_a_plan():
    base = Task(every_kind)
    assert plan_for(base.bind("x", d=1)) is plan_for(base)


def test_run_parameters_fill_the_remaining_parameters():
    plan = plan_of(lambda rows, day, *, mode="w": rows)
    given_all = {"rows": 1, "day": 2, "mode": 3, "other": 4}
    assert plan.keywords(0, given_all, {}) == {"rows": 1, "day": 2, "mode": 3}
    assert plan.keywords(1, given_all, {}) == {"day": 2, "mode": 3}
    assert plan.keywords(2, given_all, {}) == {"mode": 3}
    assert plan.keywords(1, {"other": 4}, {}) == {}


def test_fixed_arguments_win_over_run_parameters():
    plan = plan_of(lambda rows, day: rows)
    assert plan.keywords(1, {"day": "monday"}, {"day": "sunday"}) == {"day": "sunday"}
    assert plan.keywords(1, {}, {"day": "sunday"}) == {"day": "sunday"}


def test_run_parameters_never_reach_kwargs_and_positional_only_ones():
    assert plan_of(lambda **more: more).keywords(0, {"day": 1}, {}) == {}
    assert plan_of(lambda day, /: day).keywords(0, {"day": 1}, {}) == {}


def test_nothing_to_give_costs_nothing():
    plan = plan_of(lambda a: a)
    assert plan.keywords(1, {}, {}) is plan.keywords(0, {}, {})
    assert plan.keywords(1, {"a": 1}, {}) is plan.keywords(0, {}, {})


def test_should_run_follows_the_predicate():
    assert plan_of(every_kind).should_run([])
    conditional = plan_of(lambda *v: v, when=lambda first: first)
    assert not conditional.should_run([])
    assert conditional.should_run([1, 0])
    assert not conditional.should_run([0, 1])
    assert plan_of(lambda *v: v, when=lambda: 1).should_run(["ignored"])
    assert plan_of(lambda *v: v, when=bool).should_run([1, 0])
    assert plan_of(lambda *v: v, when=lambda a, b: a < b).should_run([1, 2, 3])
    assert not plan_of(lambda *v: v, when=lambda *v: len(v) == 2).should_run([1, 2, 3])
    assert plan_of(lambda *v: v, when=lambda a=None, b=None: (a, b) == (1, None)).should_run([1, 2])


def test_missing_parameters_are_the_unfilled_ones():
    plan = plan_of(every_kind)
    assert missing_parameters(plan, 0, (), ()) == ["a", "b", "d"]
    assert missing_parameters(plan, 0, ("a", "b", "d"), ()) == ["a"]
    assert missing_parameters(plan, 1, {"b": 1}, {"d": 1}) == []
    assert missing_parameters(plan, 2, (), ()) == ["d"]


@given(
    upstream=st.integers(0, 3),
    params=st.sets(st.sampled_from(["a", "b", "c", "d", "e", "x"])),
    fixed=st.sets(st.sampled_from(["d", "e"])),
)
def test_a_call_with_nothing_missing_always_fits_the_signature(upstream, params, fixed):
    plan = plan_of(every_kind)
    values = dict.fromkeys(params, "param")
    bound = dict.fromkeys(fixed, "fixed")
    keywords = plan.keywords(upstream, values, bound)
    fits = True
    try:
        inspect.signature(every_kind).bind(*range(upstream), **keywords)
    except TypeError:
        fits = False
    assert fits == (not missing_parameters(plan, upstream, params, fixed))
    assert "x" not in keywords
    assert all(keywords[name] == "fixed" for name in fixed)


def test_may_retry_goes_by_retry_on_and_never_beyond_exceptions():
    anything = Task(lambda: 1, name="a")
    network = Task(lambda: 1, name="n", retry_on=(ConnectionError, TimeoutError))
    assert may_retry(anything, ValueError())
    assert not may_retry(anything, KeyboardInterrupt())
    assert not may_retry(anything, SystemExit())
    assert may_retry(network, ConnectionResetError())
    assert not may_retry(network, ValueError())


def test_arguments_supplied_by_a_decorator_are_not_required() -> None:
    """A run was refused for a parameter that nobody could give."""

    def with_session(func):
        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            return func(*args, session="a session", **kwargs)

        return wrapper

    @task
    @with_session
    def load(n, *, session):
        return n, session

    dag = DAG("s", tasks=[load])
    assert dag.run(params={"n": 1}) == {"load": (1, "a session")}
    with pytest.raises(ParameterError, match="lacks its parameter 'n'"):
        dag.run()
