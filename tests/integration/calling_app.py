"""Tasks that call runs of DAGs: chains, lists, failures, gates, recursion."""

from __future__ import annotations

import time

from fault_app import is_open, note

from flowkit import DAG, current_attempt, task


@task
def leaf(number: int = 1, gate: str = "") -> int:
    note()
    while gate and not is_open(gate):
        time.sleep(0.02)
    return number * 10


@task
def picky(number: int = 1, gate: str = "") -> int:
    """Fail for numbers below zero, until a gate is open."""
    note()
    if number < 0 and not (gate and is_open(gate)):
        raise ValueError(f"no number: {number}")
    return number


@task
def double(value: int) -> int:
    note()
    return 2 * value


with DAG("inner") as inner:
    leaf >> double
frail = DAG("frail", tasks=[picky])


@task
def calls_one(number: int = 1) -> int:
    note()
    return inner.call({"number": number}, "double")


@task
def calls_all() -> dict[str, int]:
    note()
    return inner.call()


@task
def calls_many(count: int = 3) -> list[int]:
    note()
    return [inner.call({"number": number}, "leaf") for number in range(count)]


@task
def calls_held(gate: str) -> list[int]:
    note()
    return [inner.call({"number": number, "gate": gate}, "double") for number in (1, 2)]


@task
def calls_frail(gate: str = "") -> list[int]:
    note()
    return [frail.call({"number": number, "gate": gate}, "picky") for number in (1, -1, 2)]


@task(retries=2, delay=0.01)
def calls_until_good() -> int:
    """The first two attempts call a run that fails."""
    note()
    return frail.call({"number": 1 if current_attempt().attempt > 4 else -1}, "picky")


@task
def goes_down(depth: int) -> int:
    note()
    return deep.call({"depth": depth - 1}, "goes_down") if depth else 0


deep = DAG("deep", tasks=[goes_down])


@task
def after(value: object) -> object:
    note()
    return value


def outer(name: str, *, then: bool = True) -> DAG:
    """A DAG of one of these tasks, and what comes after it."""
    calling = globals()[name]
    dag = DAG("outer", tasks=[calling])
    if then:
        dag.add(after)
        dag.draw(calling, after)
    return dag
