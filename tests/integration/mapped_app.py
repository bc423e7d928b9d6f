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
