"""A yearly report that is made of monthly ones: a DAG as a task, and a DAG for each element.

The report of a month is a DAG of its own, which can be run alone. The task `months` returns a call
of it for each month: a list of calls starts twelve runs, and `months` has the list of their
results when all are over. No worker waits meanwhile. The budget of the year is a DAG too, and has
its place in the graph: `as_task` makes a task of it.

    months ─▶ compare ─▶ report             sales ─▶ summary      (the DAG of a month)
               ▲
    budget ────┘                            estimate ─▶ budget    (the DAG of a budget)

A month that fails fails the report, and names the way down to the error. After a resume, only that
month runs again.

    flowkit run examples/yearly_report.py:dag
    flowkit run examples/yearly_report.py:monthly -p year=2025 -p month=3
    python examples/yearly_report.py

Run parameter: `year` (default: 2025). The result of `report` is a line of text, such as
"2025: 9,642 of 9,900 in 12 months, best in December".
"""

from __future__ import annotations

import calendar
import random
from typing import TypedDict

from flowkit import DAG, task

MONTHS = 12
GOAL = 825  # in a month


class Month(TypedDict):
    """What a monthly report says."""

    month: str
    total: int


# -- the report of a month: a DAG of its own --------------------------------------------------


@task
def sales(year: int, month: int) -> list[int]:
    """Read the sales of a month. A real task would ask a database."""
    drawn = random.Random(f"{year}-{month}")  # the same in each run
    return [drawn.randrange(150, 250) for _ in range(4)]


@task
def summary(weeks: list[int], month: int) -> Month:
    """Sum the weeks of a month up."""
    return {"month": calendar.month_name[month], "total": sum(weeks)}


with DAG("month") as monthly:
    sales >> summary


# -- the budget of a year: another one --------------------------------------------------------


@task
def estimate(months: int) -> list[int]:
    """Say what is expected of each month."""
    return [GOAL] * months


@task
def budget(goals: list[int]) -> int:
    """Sum the goals up."""
    return sum(goals)


with DAG("budget") as yearly_budget:
    estimate >> budget


# -- the report of a year ---------------------------------------------------------------------


@task
def months(year: int = 2025) -> list[Month]:
    """Start the report of each month, and have the results of all."""
    numbers = range(1, MONTHS + 1)
    return [monthly.call({"year": year, "month": number}, "summary") for number in numbers]


@task
def compare(found: list[Month], goal: int) -> str:
    """Compare what was sold with what was planned."""
    best = max(found, key=lambda month: month["total"])
    total = sum(month["total"] for month in found)
    return f"{total:,} of {goal:,} in {len(found)} months, best in {best['month']}"


@task
def report(comparison: str, year: int = 2025) -> str:
    """Write the line."""
    return f"{year}: {comparison}"


with DAG("yearly_report") as dag:
    planned = yearly_budget.as_task("budget", params={"months": MONTHS}, result="budget")
    [months, planned] >> compare >> report


if __name__ == "__main__":
    print(dag.run()["report"])
