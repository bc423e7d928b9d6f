"""The tasks of the honest runs, and what these must come to.

Results follow from the parameter ``seed`` alone, so a run can be judged without any history: a
wrong value can only come from data that an attacker has changed.
"""

from __future__ import annotations

import asyncio
import random

from flowkit import DAG, HookEvent, Hooks, again, current_attempt, task

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


@task
def parts(value: int) -> list[int]:
    return [value, value + 1, value + 2]


@task
def grown(part: int) -> int:
    return part * 10


@task
def leaf(seed: int) -> int:
    return seed + 5


inner = DAG("inner", tasks=[leaf])


@task
def calling(values: list[int]) -> list[int]:
    """Start a run for each value."""
    return [inner.call({"seed": value}, "leaf") for value in values]


@task
def returning(value: int) -> int:
    """Come again twice, with a memory."""
    attempt = current_attempt()
    kept = (attempt.memory or 0) + value
    return again(0.02, memory=kept) if attempt.times < 2 else kept


@task
def added(sizes: list[int], number: int) -> int:
    return sum(sizes) + number


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


def family() -> DAG:
    """Draw a mapped task, one that calls runs, and one that comes again."""
    dag = DAG("family")
    with dag:
        start >> parts >> grown.map(label="part {part}") >> calling
        start >> returning
        [calling, returning] >> added
    return dag


# Workers know the hooks of DAGs that stand in a module.
SHAPES = {"chain": chain(), "fan": fan(), "family": family()}


def expected(shape: str, seed: int) -> dict[str, object]:
    """Return task → result of a run that succeeded; a skipped task has none."""
    if shape == "chain":
        last = seed * 6 + 1
        return {"start": seed, "double": seed * 2, "triple": seed * 6, "flaky": last, "total": last}
    if shape == "family":
        return _of_family(seed)
    result: dict[str, object] = {"start": seed, "flaky": seed + 1, "remembered": seed + 100}
    result |= {f"double{at}": seed * 2 for at in range(WIDTH)}
    result |= {f"triple{at}": seed * 3 for at in range(WIDTH)}
    result["once"] = seed + 1000
    if is_odd(seed):
        result["only_odd"] = seed + 7
    result["total"] = sum(value for name, value in result.items() if name != "start")  # type: ignore[misc]
    result["listed"] = [seed, 2.5, (1, 2), {3}, {"a": b"bytes"}, 2**80]
    return result


def _of_family(seed: int) -> dict[str, object]:
    listed = [seed, seed + 1, seed + 2]
    tens = [part * 10 for part in listed]
    called = [part + 5 for part in tens]
    last = sum(called) + 3 * seed
    result = {"start": seed, "parts": listed, "grown": tens, "calling": called}
    return result | {"returning": 3 * seed, "added": last}


def seed_of(rng: random.Random) -> int:
    """Draw a parameter; few values, so that cached results are reused."""
    return rng.randrange(20)
