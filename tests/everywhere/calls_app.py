"""Tasks that call runs of DAGs. Workers load this file, child processes import it."""

from __future__ import annotations

from pathlib import Path

from everywhere_app import await_entry, is_written, write

from flowkit import DAG, again, current_attempt, task


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
def hides_deeply() -> list[object]:
    return [1, {"calls": (inner.call(),)}]


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


@task
def numbers() -> list[int]:
    return [4, 5]


@task
def comes_again(number: int) -> list[int]:
    """The second time, return the number with what this item kept."""
    now = current_attempt()
    return [number, now.memory] if now.times else again(0.01, memory=-number)  # type: ignore


def with_item(number: int) -> dict[str, object]:
    return {"number": number}


with DAG("of items", max_workers=1) as of_items:
    numbers >> inner.as_task("each", params=with_item, result="increase").map()
    numbers >> comes_again.map()
retried = DAG(
    "retried", tasks=[frail.as_task("again", params={"number": -1}, retries=1, delay=0.01)]
)


@task
def waits(diary: str | None = None) -> int:
    """An hour, unless its run is stopped."""
    write(diary, "waits")
    return again(3600)  # type: ignore[return-value]


@task
def fails_beside(diary: str | None = None) -> None:
    """Fail when the run that was called waits."""
    await_entry("waits", diary)
    raise RuntimeError("something else fails")


@task
def comes_later(value: int, diary: str | None = None) -> int:
    write(diary, "later")
    return value


with DAG("waiting") as waiting:
    waits >> comes_later


@task
def calls_one_that_waits(diary: str | None = None) -> int:
    return waiting.call({} if diary is None else {"diary": diary}, "comes_later")


@task
def breaks(number: int, diary: str) -> int:
    """Fail for a number below zero until the diary says that it is repaired."""
    write(diary, number)
    if number < 0 and not is_written("repaired", diary):
        raise ValueError(f"no number: {number}")
    return number


breaking = DAG("breaking", tasks=[breaks])


@task
def calls_two(diary: str) -> list[int]:
    write(diary, "called")
    return [breaking.call({"number": number, "diary": diary}, "breaks") for number in (1, -1)]


middle = DAG("middle", tasks=[calls_a_frail_one])


@task
def calls_the_middle() -> list[int]:
    return middle.call(result="calls_a_frail_one")


@task
def names_its_run() -> str:
    return current_attempt().run_id


naming = DAG("naming", tasks=[names_its_run])


@task(retries=1, delay=0.01)
def asks_for_runs(diary: str) -> list[str]:
    """Return the ids of two runs, of the second attempt."""
    now = current_attempt()
    write(diary, [now.run_id, now.attempt])
    if now.attempt == 1:
        raise OSError("not yet")
    return [naming.call(result="names_its_run") for _ in range(2)]


@task
def tells_who(diary: str | None = None) -> list[object]:
    item = current_attempt()
    return [item.task, item.attempt, dict(item.params)]


telling = DAG("telling", tasks=[tells_who])


@task
def asks_who() -> list[object]:
    return telling.call({"diary": "x"}, "tells_who")
