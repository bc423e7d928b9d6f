"""What type checkers are promised: mypy checks every line of this, and nothing ever runs it.

``assert_type`` says what a thing is. A ``type: ignore`` says that its line is an error of that
kind; if it were none, mypy would report the comment. Pyright agrees with all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, assert_type

from flowkit import DAG, Again, Mapped, StateManager, Task, TaskCache, again, current_attempt, task

Item = TypeVar("Item")


@task
def bare(number: int) -> str:
    return str(number)


@task()
def empty_brackets(text: str, *, strict: bool = False) -> int:
    return len(text) + strict


@task(retries=3, when=bool, retry_on=(OSError, TimeoutError), timeout=None)
def with_options(number: int, *more: float) -> list[float]:
    return [number, *more]


@task(retries=1)
async def coroutine(number: int, factor: float = 1.0) -> bytes:
    return b"x" * int(number * factor)


@task
def generic(items: list[Item]) -> Item:
    return items[0]


@task
def end() -> None:
    """Nothing to do."""


def plain(number: int) -> str:
    return str(number)


made = Task(plain, retries=2)


# -- calling a task is calling its function ----------------------------------------------------

assert_type(bare(1), str)
assert_type(bare(number=1), str)
assert_type(empty_brackets("a", strict=True), int)
assert_type(with_options(1, 2.5, 3.5), list[float])
assert_type(made(1), str)
assert_type(generic(["a"]), str)
assert_type(bare.func(1), str)
function: Callable[[int], str] = bare.func

bare("1")  # type: ignore[arg-type]
bare()  # type: ignore[call-arg]
bare(1, 2)  # type: ignore[call-arg]
bare(nummber=1)  # type: ignore[call-arg]
empty_brackets("a", True)  # type: ignore[call-arg]
made("1")  # type: ignore[arg-type]
bare.func("1")  # type: ignore[arg-type]


async def asynchronous() -> None:
    pending: Coroutine[Any, Any, bytes] = coroutine(1, factor=2)
    assert_type(await pending, bytes)
    assert_type(await coroutine(1), bytes)
    await coroutine("1")  # type: ignore[arg-type]
    await bare(1)  # type: ignore[misc]


# -- options -----------------------------------------------------------------------------------

task(retry=3)  # type: ignore[call-overload]
task(retries="3")  # type: ignore[call-overload]
task(retry_on=OSError("not an exception class"))  # type: ignore[call-overload]
task("name")  # type: ignore[call-overload]
Task(plain, retry=3)  # type: ignore[call-arg]
Task(plain, retries="3")  # type: ignore[arg-type]
Task("plain")  # type: ignore[arg-type]


# -- tasks in annotations ----------------------------------------------------------------------

exactly: Task[[int], str] = bare
wider: Task[[int], object] = bare
any_parameters: Task[..., str] = bare
any_task: Task = bare
as_function: Callable[[int], str] = bare
other_parameters: Task[[bytes], str] = bare  # type: ignore[assignment]
other_result: Task[[int], bytes] = bare  # type: ignore[assignment]


def takes_any_task(given: Task) -> None:
    assert_type(given, Task[..., Any])
    assert_type(given(1, anything="goes"), Any)
    assert_type(given.upstream, list[Task])


takes_any_task(bare)
takes_any_task(coroutine)
takes_any_task(bare.bind())
takes_any_task(plain)  # type: ignore[arg-type]


# -- more tasks of one function ----------------------------------------------------------------

assert_type(bare.bind("first", number=1), Task[..., str])
assert_type(bare.bind(number=1)(), str)
assert_type(bare.bind().bind("third"), Task[..., str])
bare.bind(1)  # type: ignore[arg-type]


# -- edges: whatever stands on the left, an edge is what stands on the right -------------------

parts = [bare.bind(number=number) for number in range(3)]
unlike = [bare, empty_brackets]
annotated: list[Task] = [bare, empty_brackets, coroutine]

assert_type((bare >> empty_brackets)("a"), int)
assert_type((bare >> empty_brackets >> made)(1), str)
assert_type((bare >> parts)[0](), str)
listed: list[Task] = bare >> annotated

assert_type(([bare, empty_brackets] >> made)(1), str)
assert_type(((bare, empty_brackets) >> made)(1), str)
assert_type((parts >> made)(1), str)
assert_type((unlike >> made)(1), str)
assert_type((annotated >> made)(1), str)

assert_type((bare >> [empty_brackets, coroutine] >> made)(1), str)
assert_type((bare >> (empty_brackets, coroutine) >> made)(1), str)
assert_type((bare >> parts >> empty_brackets)("a"), int)
assert_type((bare >> parts >> parts)[0](), str)
assert_type((parts >> (bare >> parts))[0](), str)
assert_type((bare >> parts >> [empty_brackets, coroutine] >> made)(1), str)
assert_type((end >> unlike >> made >> [coroutine, end] >> bare)(1), str)

bare >> plain  # type: ignore[operator]
bare >> (made, plain)  # type: ignore[type-var]
bare >> None  # type: ignore[operator]
bare >> "made"  # type: ignore[type-var]
[plain] >> bare  # type: ignore[operator]
(made, plain) >> bare  # type: ignore[operator]
plain >> bare  # type: ignore[operator]
nothing = [bare] >> [made]  # type: ignore[operator]


# -- edges: a result must fit one of the parameters that it may be passed to ---------------------


@task
def several(first: str, second: float = 1.0, *, key: bytes = b"") -> str:
    return f"{first} {second} {key!r}"


@task
def third(first: str, second: list[int], number: int) -> bool:
    return bool(first and second and number)


@task
def many(first: str, second: str, another: str, last: str, *more: str) -> str:
    return first + second + another + last + "".join(more)


@task
def maybe(text: str | None = None, *rest: object) -> None:
    """Takes what there is."""


@task
def anything(given):  # type: ignore[no-untyped-def]
    return given


@task
def first_of(items: Sequence[Item], number: int = 0) -> Item:
    return items[number]


@task
async def numbers() -> list[int]:
    return [1]


@task
def nothing_to_take(*, number: int = 1) -> int:
    return number


untyped: Task = bare
assert_type((empty_brackets >> several)("a", key=b""), str)  # an int may be a float
assert_type((empty_brackets >> third >> made)(1), str)  # a bool may be an int
assert_type((with_options >> anything)(1), Any)
assert_type((bare >> maybe)("a", 1), None)
assert_type((empty_brackets >> many)("a", "b", "c", "d"), str)  # four are too many to know
assert_type((empty_brackets >> bare.bind())(1), str)
assert_type((bare >> untyped)(anything="goes"), Any)
assert_type((untyped >> bare)(1), str)
assert_type((bare.bind() >> empty_brackets)("a"), int)
assert_type((numbers >> third)("a", [1], 1), bool)  # what is passed on is what was awaited
numbers >> first_of >> bare
generic >> bare
bare >> third >> many

empty_brackets >> empty_brackets  # type: ignore[operator]
with_options >> several  # type: ignore[operator]
coroutine >> third  # type: ignore[operator]
end >> bare  # type: ignore[operator]
bare >> nothing_to_take  # type: ignore[operator]
bare.bind() >> made  # type: ignore[operator]
[bare, coroutine] >> made  # not compared


# -- order without data --------------------------------------------------------------------------

assert_type(bare.after(end).before(coroutine, [empty_brackets, made])(1), str)
assert_type(bare.bind().after(), Task[..., str])
assert_type(bare.after(unlike, parts, (end, coroutine))(number=1), str)
assert_type((end >> maybe.after(bare))("a"), None)
bare.after(plain)  # type: ignore[arg-type]
bare.before("end")  # type: ignore[arg-type]


# -- DAGs --------------------------------------------------------------------------------------

with DAG("typed") as dag:
    assert_type(dag, DAG)
    assert_type(dag.add(empty_brackets)("a"), int)
    assert_type(dag.add(bare.bind()), Task[..., str])
    dag.add(plain)  # type: ignore[type-var]

assert_type(dag.tasks, list[Task])
assert_type(dag.edges(), list[tuple[Task, Task]])
assert_type(dag.order_edges(), list[tuple[Task, Task]])
DAG("checked", check_types=True)
DAG("checked", check_types=1)  # type: ignore[arg-type]
assert_type(dag.run(), dict[str, Any])


# -- a cache keeps the type of what it goes round ----------------------------------------------

cached = TaskCache(StateManager(), ttl=60)


@task(retries=1)
@cached
def inside(number: int) -> str:
    return str(number)


@cached
@task
def outside(number: int) -> str:
    return str(number)


@cached
def no_task(number: int) -> str:
    return str(number)


@task
@cached
async def cached_coroutine(number: int) -> str:
    return str(number)


inside_exactly: Task[[int], str] = inside
outside_exactly: Task[[int], str] = outside
assert_type(no_task(1), str)
awaited: Task[[int], Coroutine[Any, Any, str]] = cached_coroutine
inside("1")  # type: ignore[arg-type]
outside("1")  # type: ignore[arg-type]
no_task("1")  # type: ignore[arg-type]
cached(3)  # type: ignore[type-var]


# -- mapped tasks: an item takes an element, and what is behind takes a list or a Mapped ----------


@task
def files() -> list[str]:
    return ["a"]


@task
def by_name() -> dict[str, int]:
    return {}


@task
def pair(entry: tuple[str, int]) -> int:
    return entry[1]


@task
def letters(text: str) -> list[str]:
    return list(text)


@task
def longest(names: Mapped[int], more: list[str] | None = None) -> int:
    return max(names)


@task
def total(sizes: list[int]) -> int:
    return sum(sizes)


@task
def with_gaps(sizes: list[int | None]) -> int:
    return sum(size or 0 for size in sizes)


@task
def texts(names: list[str]) -> int:
    return len(names)


measured = files >> empty_brackets.map()
measured >> total
measured >> longest
measured >> with_gaps
measured >> first_of
measured >> coroutine.map() >> first_of
files >> empty_brackets.map(max_active=3, label="{text}", failures="collect") >> total
files >> empty_brackets.map(over=files, label=str.upper, flatten=False, name="each") >> total
files >> empty_brackets.bind(strict=True).map() >> total
by_name >> pair.map() >> total
numbers >> bare.map() >> texts
by_part = files >> letters.map()
by_part >> empty_brackets.map(flatten=True) >> total
by_part >> empty_brackets.map(flatten=True, label="{}", failures="collect") >> with_gaps
[files, by_name] >> empty_brackets.map() >> total
mapped: Task = empty_brackets.map()

bare >> empty_brackets.map()  # type: ignore[operator]
by_name >> empty_brackets.map()  # type: ignore[operator]
files >> bare.map()  # type: ignore[operator]
measured >> texts  # type: ignore[operator]
files >> empty_brackets.map(flatten=True)  # type: ignore[operator]
measured >> bare.map(flatten=True)  # type: ignore[operator]
by_part >> bare.map(flatten=True)  # type: ignore[operator]
empty_brackets.map(max_activ=3)  # type: ignore[call-overload]
empty_brackets.map(failures="ignore")  # type: ignore[call-overload]


def read(results: Mapped[int]) -> None:
    assert_type(results[0], int)
    assert_type(results[1:], list[int])
    assert_type(results.values, list[int])
    assert_type(results.failures[0].error, str)


# -- tasks that come again: what is behind them never gets the Again ------------------------------


@task
def polls(text: str) -> int | Again:
    return again(60, memory=text, times=5)


@task
async def polls_async(text: str) -> int | Again:
    return again(60)


polls >> bare
polls_async >> bare
polls >> empty_brackets  # type: ignore[operator]
polls_async >> empty_brackets  # type: ignore[operator]
assert_type(polls("a"), int | Again)
cursor: str = current_attempt().memory or "first"
