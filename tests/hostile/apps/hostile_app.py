"""The tasks of the honest runs, and what these must come to.

Results follow from the parameter ``seed`` alone, so a run can be judged without any history: a
wrong value can only come from data that an attacker has changed.
"""

from __future__ import annotations

import asyncio
import random

from flowkit import DAG, HookEvent, Hooks, current_attempt, task

WIDTH = 6


@task
def start(seed: int) -> int:
    print("the seed is", seed)
    return seed


@task
def double(value: int) -> int:
    return value * 2


@task
async def triple(value: int) -> int:
    await asyncio.sleep(0.005)
    return value * 3


@task(retries=5, delay=0.05, backoff=1.0)
def flaky(value: int) -> int:
    if current_attempt().attempt == 1:
        raise ValueError("the first attempt is meant to fail")
    return value + 1


@task(cache_ttl=60)
def remembered(value: int) -> int:
    return value + 100


def is_odd(value: int) -> bool:
    return value % 2 == 1


@task(when=is_odd)
def only_odd(value: int) -> int:
    return value + 7


@task(at_most_once=True)
def once(value: int) -> int:
    return value + 1000


@task(priority=9)
def total(*values: int | None) -> int:
    print(f"a sum of {len(values)}\n" * 3, end="")
    return sum(value or 0 for value in values)


@task
def failing(*values: object) -> None:
    """Fail each time. Only hostile runs name it."""
    raise RuntimeError("it always fails")


@task
def listed(value: int) -> list[object]:
    """Give a result of many types, as seeds for mutations."""
    return [value, 2.5, (1, 2), {3}, {"a": b"bytes"}, 2**80]


def noted(event: HookEvent) -> None:
    """Be told of an end."""
    assert event.run_id


def chain() -> DAG:
    """Draw a few tasks one behind the other."""
    dag = DAG("chain")
    with dag:
        start >> double >> triple >> flaky >> total
    return dag


def fan() -> DAG:
    """Draw fan-out and fan-in over every kind of task, with hooks."""
    dag = DAG("fan", on_failure="continue", hooks=Hooks(on_success=noted, on_retry=noted))
    branches = [double.bind(f"double{at}") for at in range(WIDTH)]
    branches += [triple.bind(f"triple{at}") for at in range(WIDTH)]
    with dag:
        start >> [*branches, flaky, remembered, only_odd, once, listed]
        [*branches, flaky, remembered, only_odd, once] >> total
    return dag


# Workers know the hooks of DAGs that stand in a module.
SHAPES = {"chain": chain(), "fan": fan()}


def expected(shape: str, seed: int) -> dict[str, object]:
    """Return task → result of a run that succeeded; a skipped task has none."""
    if shape == "chain":
        last = seed * 6 + 1
        return {"start": seed, "double": seed * 2, "triple": seed * 6, "flaky": last, "total": last}
    result: dict[str, object] = {"start": seed, "flaky": seed + 1, "remembered": seed + 100}
    result |= {f"double{at}": seed * 2 for at in range(WIDTH)}
    result |= {f"triple{at}": seed * 3 for at in range(WIDTH)}
    result["once"] = seed + 1000
    if is_odd(seed):
        result["only_odd"] = seed + 7
    result["total"] = sum(value for name, value in result.items() if name != "start")  # type: ignore[misc]
    result["listed"] = [seed, 2.5, (1, 2), {3}, {"a": b"bytes"}, 2**80]
    return result


def seed_of(rng: random.Random) -> int:
    """Draw a parameter; few values, so that cached results are reused."""
    return rng.randrange(20)
