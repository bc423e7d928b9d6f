"""The tasks of the suite. Workers load this file, child processes import it."""

from __future__ import annotations

import asyncio
import csv
import decimal
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path

from flowkit import current_attempt, task
from flowkit.definition.hooks import HookEvent, Hooks

PATIENCE_S = 20.0


def write(diary: str | None, entry: object) -> None:
    """Append one line; a single write of a short line is whole, whoever else writes."""
    if diary is not None:
        with open(diary, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def is_no_skip(end: str) -> bool:
    return end != "skip"


@task
def end() -> str:
    return "ok"


@task
def start(how: str) -> str:
    return how


@task(when=is_no_skip)
def arm(how: str) -> str:
    if how == "bad":
        raise ValueError("this arm is bad")
    return how


@task(when=is_no_skip)
def slow_arm(how: str) -> str:
    time.sleep(0.05)
    if how == "bad":
        raise ValueError("this arm is bad")
    return how


@task
def none_failed(*values: object) -> list[object]:
    return list(values)


@task(trigger="all_succeeded")
def all_succeeded(*values: object) -> list[object]:
    return list(values)


@task(trigger="any_succeeded")
def any_succeeded(*values: object) -> list[object]:
    return list(values)


@task(trigger="all_over")
def all_over(*values: object, diary: str | None = None) -> list[object]:
    write(diary, list(values))
    return list(values)


@task(trigger="all_over", retries=2, delay=0.01)
def stubborn_clean_up(_: object, diary: str | None = None) -> int:
    write(diary, current_attempt().attempt)
    if current_attempt().attempt < 3:
        raise OSError("not yet")
    return 3


# -- hooks -------------------------------------------------------------------------------------


def note(event: HookEvent, diary: str | None = None) -> None:
    error = [event.error_type, event.error_message]
    write(diary, [event.event, event.dag, event.task, event.attempt, *error])


def note_retry(event: HookEvent) -> None:
    delay = event.delay is not None and event.delay >= 0.01
    write(str(event.params["diary"]), ["retry", event.task, event.attempt, event.error_type, delay])


def exiting_hook(event: HookEvent) -> None:
    raise SystemExit(3)


def broken_hook(event: HookEvent) -> None:
    raise RuntimeError(f"the hook for {event.event} broke")


@task(retries=3, delay=0.01)
def tried_hook(event: HookEvent, diary: str | None = None) -> None:
    """A hook that is a task: it has its retries."""
    write(diary, [event.event, current_attempt().attempt])
    if current_attempt().attempt < 2:
        raise OSError("the pager is busy")


@task(on_failure=note)
def fails() -> None:
    raise KeyError("no such row")


class OddError(Exception):
    """Like those of many HTTP libraries: it cannot be made again from its text."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status} {body}")


@task(on_failure=note)
def fails_oddly() -> None:
    raise OddError(503, "busy")


@task(on_failure=note, retries=1, delay=0.01)
def fails_twice() -> None:
    raise KeyError("no such row")


@task(on_failure=broken_hook)
def fails_with_broken_hook() -> None:
    raise KeyError("no such row")


@task(on_failure=note)
def succeeds() -> int:
    return 7


@task(on_failure=note)
def hooked_after(_: object) -> None: ...


@task(timeout=0.05, on_failure=note)
def hangs() -> None:
    time.sleep(2.0)


@task(when=lambda value: value is None)
def only_without(value: object) -> str:
    return "there was nothing"


@task
def after(value: object) -> object:
    return value


# -- answers that look like others --------------------------------------------------------------

ITERATORS: dict[str, Callable[[list[str]], object]] = {
    "generator": lambda rows: (row for row in rows),
    "map": lambda rows: map(str.upper, rows),
    "filter": lambda rows: filter(None, rows),
    "zip": lambda rows: zip(rows, rows, strict=True),
    "reader": csv.reader,
    "list_iterator": iter,
}


@task(retries=2, delay=0)
def reads_rows(kind: str, diary: str | None = None) -> object:
    write(diary, current_attempt().attempt)
    return ITERATORS[kind](["a", "b"])


@task
def count_rows(rows: Iterable[object]) -> int:
    return sum(1 for _ in rows)


async def answers_no(*_: object) -> bool:
    return False


@task(when=lambda value: answers_no(value))
def pays(_: object) -> str:
    return "PAID"


@task(when=lambda value: (value is None for _ in (1,)))
def pays_too(_: object) -> str:
    return "PAID"


# -- contexts ----------------------------------------------------------------------------------

tenant = ContextVar("tenant", default="nobody")
decimal.getcontext().prec = 12  # what an app sets when it is imported holds in all its tasks


def leave_traces(*_: object) -> bool:
    """Set what a task without its own context would leave to those after it.

    Returns whether there was nothing of the kind.
    """
    is_clean = traces() == ["nobody", "3703.701"]
    tenant.set("customer-7")
    decimal.getcontext().prec = 3
    return is_clean


def traces() -> list[object]:
    return [tenant.get(), str(decimal.Decimal("1234.567") * 3)]


@task(when=leave_traces)
def leaves_traces(_: object) -> list[object]:
    leave_traces()
    return traces()


@task
def finds(*_: object) -> list[object]:
    return traces()


@task(when=leave_traces)
async def leaves_traces_async(_: object) -> list[object]:
    leave_traces()
    return traces()


@task
async def finds_async(*_: object) -> list[object]:
    return traces()


@task(retries=1, delay=0)
def leaves_traces_and_fails() -> list[object]:
    result = traces()
    leave_traces()
    if current_attempt().attempt == 1:
        raise OSError("not yet")
    return result


# -- standard streams --------------------------------------------------------------------------


def _error_of(call: Callable[[], object]) -> str:
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "none"


@task
def asks_the_terminal() -> list[object]:
    """Ask as input(), ssh and a debugger do."""
    terminal = Path("/dev/tty")
    errors = [_error_of(ask) for ask in (input, terminal.read_text, breakpoint)]
    return [*errors, os.getsid(0) == os.getpid()]


@task
def closes_its_output(*_: object) -> str:
    """Wrap the buffer to write CSV; collected, the wrapper closes it. And close what is left."""
    io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8").write("1,2,3\n")
    for stream in (sys.stdout, sys.stderr):
        stream.close()
    return "closed"


@task
def prints(*_: object) -> str:
    for stream in (sys.stdout, sys.stderr):
        print("a line of a later task", file=stream, flush=True)
    return "printed"


# -- what is promised --------------------------------------------------------------------------


def is_written(awaited: str, diary: str | None) -> bool:
    assert diary is not None
    with open(diary, "a+", encoding="utf-8") as file:
        file.seek(0)
        return awaited in file.read()


@task
def hand_on(value: object) -> object:
    return value


@task
def give(value: object = None) -> object:
    return value


@task
def mark(*_: object, diary: str | None = None) -> str:
    """Write and return this task's name."""
    name = current_attempt().task
    write(diary, name)
    return name


def await_entry(awaited: str, diary: str | None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_written(awaited, diary):
        assert time.monotonic() < deadline, f"nobody wrote {awaited!r}"
        time.sleep(0.005)


@task
def wait_for(*_: object, awaited: str, diary: str | None = None) -> str:
    """Say that it begins, and continue when ``awaited`` stands in the diary."""
    name = current_attempt().task
    write(diary, f"{name} begins")
    await_entry(awaited, diary)
    write(diary, name)
    return name


@task
async def meet(*_: object, party: int, diary: str | None = None) -> str:
    """Return when ``party`` of these tasks have begun; the loop is free meanwhile."""
    name = current_attempt().task
    write(diary, f"{name} is one of {party}")
    deadline = time.monotonic() + PATIENCE_S
    while not all(is_written(f"meet_{n} is", diary) for n in range(party)):
        assert time.monotonic() < deadline, "not all of them came"
        await asyncio.sleep(0.005)
    return name


@task(on_failure=note)
def break_when(*_: object, awaited: str, diary: str | None = None) -> None:
    """Fail when ``awaited`` stands in the diary; its hook tells when that is known."""
    wait_for.func(awaited=awaited, diary=diary)
    raise RuntimeError("broken for good")


@task(retries=3, delay=0.01)
def flaky(failures: int, diary: str | None = None) -> int:
    attempt = current_attempt().attempt
    write(diary, attempt)
    if attempt <= failures:
        raise OSError(f"attempt {attempt}")
    return attempt


@task(retries=3, delay=0.01)
async def flaky_async(failures: int, diary: str | None = None) -> int:
    return flaky.func(failures, diary)


@task
def greet(name: str, greeting: str = "Hello", *, end: str = "!") -> str:
    return f"{greeting}, {name}{end}"


@task(when=lambda first: first > 0)
def by_first(*values: object) -> list[object]:
    return list(values)


@task(when=lambda first, second: first < second)
def by_two(*values: object) -> list[object]:
    return list(values)


@task(when=lambda *values: sum(values) > 0)
def by_all(*values: object) -> list[object]:
    return list(values)


def broken_condition(value: object) -> bool:
    raise LookupError(f"the condition does not know {value}")


@task(when=broken_condition, retries=3, delay=0.01, on_failure=note)
def undecided(value: object) -> object:
    return value


HOOKS = Hooks(on_success=note, on_failure=note, on_skip=note, on_retry=note_retry)
BROKEN = Hooks(
    on_success=broken_hook, on_failure=broken_hook, on_skip=broken_hook, on_retry=broken_hook
)


# -- what an attempt may change ----------------------------------------------------------------


def _add_their_sum(rows: list[int]) -> list[int]:
    rows.append(sum(rows))
    if current_attempt().attempt == 1:
        raise ConnectionError("the target is away")
    return rows


@task(retries=1, delay=0.01, copy_arguments=True)
def add_sum(rows: list[int]) -> list[int]:
    return _add_their_sum(rows)


@task(retries=1, delay=0.01, copy_arguments=True)
async def add_sum_async(rows: list[int]) -> list[int]:
    return _add_their_sum(rows)


@task
def change_params() -> str:
    try:
        current_attempt().params["day"] = "changed"  # type: ignore[index]
    except TypeError as error:
        return str(error)
    return "changed"


@task
async def change_params_async() -> str:
    return change_params.func()


@task
def makes_table(diary: str | None = None) -> str:
    write(diary, "makes_table")
    return "its result is for nobody"


@task(when=lambda: True)
def loads(diary: str | None = None, *results: object) -> int:
    write(diary, "loads")
    return len(results)


@task(trigger="all_over")
def drops_table(diary: str | None = None, *results: object) -> int:
    write(diary, "drops_table")
    return len(results)


@task(when=lambda: False)
def is_never_asked_for(*results: object) -> int:
    return len(results)
