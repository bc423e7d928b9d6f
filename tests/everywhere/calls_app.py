"""Tasks that call runs of DAGs. Workers load this file, child processes import it."""

from __future__ import annotations

import time
from pathlib import Path

from everywhere_app import write

from flowkit import DAG, current_attempt, task


@task
def tenfold(number: int = 1) -> int:
    return number * 10


@task
def increase(value: int) -> int:
    return value + 1


@task
def refuse(number: int = 1, diary: str | None = None) -> int:
    """Fail for a number below zero, until it was tried twice."""
    write(diary, number)
    if number < 0:
        raise ValueError(f"no number: {number}")
    return number


@task(when=lambda value: False)
def never(value: int) -> int:
    return value


@task(keep_result=False)
def passing(value: int) -> int:
    return value


with DAG("inner") as inner:
    tenfold >> increase
frail = DAG("frail", tasks=[refuse])
with DAG("skipping") as skipping:
    tenfold >> never
with DAG("dropping") as dropping:
    tenfold >> passing >> increase


@task
def calls_one() -> int:
    return inner.call({"number": 4}, "increase")


@task
async def calls_from_a_coroutine() -> int:
    return inner.call({"number": 4}, "increase")


@task
def calls_for_all() -> dict[str, int]:
    return inner.call()


@task
def calls_several() -> list[int]:
    return [inner.call({"number": number}, "tenfold") for number in range(5)]


@task
def calls_a_skipped_one() -> int:
    return skipping.call(result="never")


@task
def calls_a_frail_one() -> list[int]:
    return [frail.call({"number": number}, "refuse") for number in (1, -1)]


@task(retries=2, delay=0.01)
def calls_again(diary: str | None = None) -> int:
    """Each attempt calls another run."""
    write(diary, "called")
    tried = 0 if diary is None else Path(diary).read_text().count("called")
    return frail.call({"number": 1 if tried > 2 else -1}, "refuse")


@task
def goes_down(depth: int) -> int:
    return deep.call({"depth": depth - 1}, "goes_down") if depth else 7


deep = DAG("deep", tasks=[goes_down])


@task
def calls_too_many() -> list[int]:
    return [inner.call() for _ in range(1001)]


@task
def mixes() -> list[object]:
    return [inner.call(), 1]


@task
def hides() -> dict[str, object]:
    return {"call": inner.call()}


@task
def calls_wrongly(how: str) -> object:
    calls = {
        "result": lambda: inner.call(result="nothing"),
        "parameter": lambda: inner.call({"colour": "red"}),
        "dropped": lambda: dropping.call(result="passing"),
    }
    return calls[how]()


@task
def first() -> int:
    return 6


def with_first(value: int, offset: int = 0) -> dict[str, object]:
    return {"number": value + offset}


with DAG("drawn") as drawn:
    first >> inner.as_task("sub", params=with_first, result="increase") >> increase
plain = DAG("plain", tasks=[inner.as_task("plain sub", params={"number": 2})])
retried = DAG(
    "retried", tasks=[frail.as_task("again", params={"number": -1}, retries=1, delay=0.01)]
)


@task
def fails_soon() -> None:
    time.sleep(0.1)
    raise RuntimeError("something else fails")


@task
def sleeps(diary: str | None = None) -> int:
    time.sleep(0.5)
    return 1


@task
def comes_later(value: int, diary: str | None = None) -> int:
    write(diary, "later")
    return value


with DAG("slow") as slow:
    sleeps >> comes_later


@task
def calls_a_slow_one(diary: str | None = None) -> int:
    return slow.call({} if diary is None else {"diary": diary}, "comes_later")


@task
def tells_who(diary: str | None = None) -> list[object]:
    item = current_attempt()
    return [item.task, item.attempt, dict(item.params)]


telling = DAG("telling", tasks=[tells_who])


@task
def asks_who() -> list[object]:
    return telling.call({"diary": "x"}, "tells_who")
