"""Results in another order than the parameters say are refused, and nothing else is."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from flowkit import DAG, Task, task
from flowkit.exceptions import DAGError


@pytest.fixture
def price() -> Task:
    return task(name="price")(lambda: 9.99)


@pytest.fixture
def stock() -> Task:
    return task(name="stock")(lambda: 5)


def dag_of(upstream: list[Task], func: Callable[..., object], **fixed: object) -> DAG:
    report = task(name="report")(func)
    with DAG("shop") as dag:
        upstream >> (report.bind("bound", **fixed) if fixed else report)
    return dag


@pytest.mark.promise("dag-26")
def test_swapped_results_are_refused_with_both_orders_and_the_way_to_write_it(price, stock):
    def report(stock, price):
        raise AssertionError("it ran")

    dag = dag_of([price, stock], report)
    for refused in (dag.run, dag.compile, dag.indexed, lambda: dag.run("process")):
        with pytest.raises(DAGError) as caught:
            refused()
        assert str(caught.value) == (
            "Task 'report' of DAG 'shop' would get its arguments in another order than its "
            "parameters say. Its function takes (stock, price), and the edges pass the results of "
            "(price, stock), so its parameter 'stock' would get the result of 'price'. Draw the "
            "edges in the order of the parameters: [stock, price] >> report. If the order is "
            "right, give the parameters other names."
        )
    assert "report" in dag.visualize()


def test_edges_drawn_one_by_one_are_compared_too(price, stock):
    @task
    def report(stock, price):
        return stock, price

    with DAG("shop") as wrong:
        price >> report
        stock >> report
    with pytest.raises(DAGError, match="another order"):
        wrong.run()
    with DAG("shop") as right:
        stock >> report
        price >> report
    assert right.run()["report"] == (5, 9.99)


def made(*names: str) -> list[Task]:
    return [task(name=name)(lambda: None) for name in names]


@pytest.mark.parametrize(
    ("upstream", "func", "remedy"),
    [
        ("b c a", lambda a, b, c: None, "[a, b, c] >> report"),
        ("a c b", lambda a, b, c: None, "[a, b, c] >> report"),
        ("other stock", lambda stock, rate: None, "[stock, other] >> report"),
        ("a b x", lambda a, free, b: None, "[a, x, b] >> report"),
        ("b a", lambda a, *rest: None, "[a, b] >> report"),
        ("x b y a", lambda a, b, *rest: None, "[a, b, x, y] >> report"),
        ("stock price", lambda day, stock, price=0: None, "(stock, price, day), or rename 'price'"),
        ("b a", lambda b2, b, /, a=1: None, "(b, a, b2), or rename 'a'"),
    ],
)
def test_any_parameter_with_the_name_of_another_upstream_task_counts(upstream, func, remedy):
    with pytest.raises(DAGError) as caught:
        dag_of(made(*upstream.split()), func).indexed()
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("upstream", "func"),
    [
        ("stock price", lambda stock, price: None),
        ("price stock", lambda x, y: None),
        ("price stock", lambda *values: None),
        ("price stock", lambda *stock: None),
        ("price stock", lambda cost, number, stock=0: None),  # a run parameter or its default
        ("price stock", lambda cost, number, *, stock=0: None),
        ("price stock", lambda cost, stock, **more: None),
        ("stock", lambda price, stock=3: None),
        ("price stock", lambda price, pieces: None),
        ("stock_2 price", lambda price_2, stock: None),
        ("stock", lambda stock: None),
    ],
)
def test_what_is_right_or_cannot_be_known_is_allowed(upstream, func):
    dag_of(made(*upstream.split()), func).indexed()


def test_fixed_arguments_do_not_count(price, stock):
    def report(first, second, stock):
        return first, second, stock

    assert dag_of([price, stock], report, stock=1).run()["bound"] == (9.99, 5, 1)


def test_the_name_of_a_task_is_that_in_the_dag(price, stock):
    """A task bound without a name is called price_2, which says nothing about the parameters."""

    @task
    def report(stock, price):
        return stock, price

    with DAG("numbered") as dag:
        [price.bind(), stock.bind()] >> report
    assert dag.run()["report"] == (9.99, 5)
    with DAG("renamed") as dag:
        [price.bind("stock"), stock.bind("price")] >> report
    assert dag.run()["report"] == (9.99, 5)
    with DAG("swapped") as dag:
        [price.bind("price"), stock.bind("stock")] >> report.bind("all")
    with pytest.raises(DAGError, match=r"\[stock, price\] >> all"):
        dag.run()


def test_order_edges_and_hooks_do_not_count(price, stock):
    @task(on_failure=lambda event: None)
    def report(stock, other=None):
        return stock

    with DAG("shop") as dag:
        report.after(price)
        stock >> report
    assert dag.run()["report"] == 5


def passes_session(func):
    @functools.wraps(func)
    def wrapper(*args):
        return func("session", *args)

    return wrapper


def passes_all(func):
    @functools.wraps(func)
    def wrapper(*args):
        return func(*args)

    return wrapper


def test_a_decorator_may_pass_the_first_arguments(price, stock):
    def report(session, stock, price=None):
        return session, stock, price

    assert dag_of([stock, price], passes_session(report)).run()["report"] == ("session", 5, 9.99)


def test_an_exact_swap_is_seen_behind_a_decorator(price, stock):
    def report(stock, price):
        return stock, price

    with pytest.raises(DAGError, match="another order"):
        dag_of([price, stock], passes_all(report)).indexed()


def test_partial_functions_and_methods_have_the_parameters_that_are_left(price, stock):
    class Shop:
        def report(self, stock, price):
            return stock, price

    def report(shop, stock, price):
        return stock, price

    with pytest.raises(DAGError, match="another order"):
        dag_of([price, stock], Shop().report).indexed()
    with pytest.raises(DAGError, match="another order"):
        dag_of([price, stock], functools.partial(report, "shop")).indexed()
    assert dag_of([stock, price], Shop().report).run()["report"] == (5, 9.99)


def test_a_long_list_is_cut_in_the_message():
    names = [f"n{number}" for number in range(100)]
    with pytest.raises(DAGError) as caught:
        dag_of(made(*names, "first"), lambda first, *rest: None).indexed()
    assert len(str(caught.value)) < 1000
    assert "… 89 more" in str(caught.value)
