"""The way of a DAG from ``Client.submit`` to the store is straight: it enters each file once.

A reader who follows a submission opens each file once, in this order. The rules:

1.  A step is a call from one file of flowkit into another. A return is none: a function that calls
    several files in turn stands at the head of all of them. A generator that continues is none.
2.  Steps that follow each other into the same file are one step.
3.  The ground does not count, nor what it calls: the ground files, ``basics/``, ``codec/``,
    ``core/`` and ``parameters/``, and the parts of a DAG, which are asked one by one (``Task``, its
    options and its call plan).
4.  The walk ends at the store. What a connection does there is not the way of the DAG.

The way of a run that exists already is longer, since it is read and compared, and so is that of an
id that the caller chose for one of several shards, since the former shards are asked for it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

import flowkit
from flowkit import DAG, Hooks, task
from flowkit.client.client import Client
from flowkit.definition.task import Task
from flowkit.embedded import EmbeddedServer
from flowkit.settings import Settings

PACKAGE = Path(flowkit.__file__).parent
GROUND = (
    "arguments.py",
    "basics/",
    "clock.py",
    "codec/",
    "context.py",
    "core/",
    "definition/call_plan.py",
    "definition/options.py",
    "definition/task.py",
    "exceptions.py",
    "parameters/",
    "settings.py",
)
STORE = "protocol/store.py"


class Walk:
    """The steps of a call in this thread, as rules 1 to 4 count them."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self._stack: list[str] = []
        self._generators: set[FrameType] = set()

    def of(self, call: Callable[[], object]) -> list[str]:
        """Make the call, and return its steps."""
        sys.setprofile(self._note)
        try:
            call()
        finally:
            sys.setprofile(None)
        return self.steps

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if not path.is_relative_to(PACKAGE) or event not in ("call", "return"):
            return
        file = path.relative_to(PACKAGE).as_posix()
        if event == "return":
            self._stack.pop()
            return
        off_the_way = any(place == STORE or place.startswith(GROUND) for place in self._stack)
        known = frame in self._generators
        if frame.f_code.co_flags & inspect.CO_GENERATOR:
            self._generators.add(frame)
        from_itself = self._stack[-1:] == [file]
        self._stack.append(file)
        if not (off_the_way or known or from_itself or file.startswith(GROUND)):
            self.steps.append(file)


def entered(steps: list[str]) -> list[str]:
    """Return the steps, with those that follow each other into one file as one."""
    return [file for at, file in enumerate(steps) if steps[at - 1 : at] != [file]]


def entered_again(steps: list[str]) -> list[str]:
    files = entered(steps)
    return [file for at, file in enumerate(files) if file in files[:at]]


@task
def load(source):
    return source


@task(retries=1, when=bool)
def clean(rows, source, mode="strict"):
    return rows


@task
def alert(event):
    return event


@task
def first(source):
    return source


@task
def second(rows):
    return rows


first >> second


def drawn() -> DAG:
    hooks = Hooks(on_failure=alert, on_skip=alert, on_retry=alert)
    with DAG("drawn", hooks=hooks) as dag:
        load >> clean.bind("second", mode="fast")
        load >> clean
    return dag


def named() -> DAG:
    return DAG("named", tasks=[load])


def covering() -> DAG:
    """Have no tasks of its own, so that it covers the registered ones."""
    return DAG("covering")


@pytest.fixture(autouse=True)
def only_these_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Task, "_all_tasks", [first, second])


@pytest.fixture
def client() -> Iterator[Client]:
    with EmbeddedServer() as server:
        settings = Settings(redis_url=server.url, signing_key="ab" * 32)
        with Client(settings) as client:
            yield client


SOURCE = {"source": "s"}
WAYS: dict[str, Callable[[Client, DAG], object]] = {
    "submit": lambda client, dag: client.submit(dag, params=SOURCE),
    "submit, id and ttl": lambda client, dag: client.submit(
        dag, run_id="mine", params=SOURCE, ttl=60
    ),
    "submit_many": lambda client, dag: client.submit_many(dag, [SOURCE, SOURCE]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("draw", [drawn, named, covering])
def test_a_dag_enters_each_file_once(client: Client, draw: Callable[[], DAG], way: str) -> None:
    dag = draw()
    steps = Walk().of(lambda: WAYS[way](client, dag))
    walk = entered(steps)
    print(" -> ".join(walk))
    assert entered_again(steps) == [], " -> ".join(walk)
    assert walk[0] == "client/client.py"
    assert STORE in walk


def test_a_turn_back_would_be_found() -> None:
    assert entered_again(["a", "b", "b", "c"]) == []
    assert entered_again(["a", "b", "c", "b"]) == ["b"]
    assert entered_again(["a", "b", "a", "b"]) == ["a", "b"]
