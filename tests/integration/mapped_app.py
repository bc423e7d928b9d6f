"""Tasks of runs with mapped tasks, for workers of the tests."""

from __future__ import annotations

from flowkit import DAG, task


@task
def numbers(count: int = 3) -> list[int]:
    return list(range(count))


@task
def double(number: int) -> int:
    return 2 * number


@task
def total(found: list[int | None]) -> int:
    return sum(number or 0 for number in found)


def doubles(name: str = "doubles") -> DAG:
    with DAG(name) as dag:
        numbers >> double.map(label="number {item}") >> total
    return dag


@task(delay=0)
def check(number: int) -> int:
    print(f"checking {number}")
    if number % 4 == 1:
        raise ValueError(f"bad number {number}")
    return number


def checks(name: str = "checks") -> DAG:
    with DAG(name) as dag:
        numbers >> check.map(label="number {item}", failures="collect") >> total
    return dag


def strict_checks(name: str = "strict") -> DAG:
    with DAG(name) as dag:
        numbers >> check.map(label="number {item}") >> total
    return dag


@task
def text() -> str:
    return "abc"


def of_text(name: str = "of_text") -> DAG:
    with DAG(name) as dag:
        text >> double.map() >> total
    return dag
