"""Dead letters of a tree of runs: one failure deep in it is one line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowkit import DAG, Client, Task
from flowkit.cli.dead import _row
from flowkit.embedded import EmbeddedServer
from flowkit.protocol.records import ErrorInfo

DEPTH = 5


def work() -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


@pytest.fixture
def client(server: EmbeddedServer, namespace: str) -> Iterator[Client]:
    """A client of a namespace in which run 0 has called run 1, and so on, and the last failed."""
    with Client.connect(server.url, namespace=namespace) as client:
        for depth in range(DEPTH):
            fail(client, depth, depth - 1)
        yield client


def fail(client: Client, number: int, parent: int, *, when: int = 0, dag: str = "deep") -> None:
    """Let run ``number`` fail, because of its child unless it is the last one."""
    run = client.submit(DAG(dag, tasks=[Task(work).bind("work")]), run_id=f"r{number}")
    kind = "ValueError" if number == DEPTH - 1 or number >= 10 else "ChildRunFailed"
    with run.shard.store() as at:
        keys, call = at.keys, at.link.call
        call("HSET", keys.tasks(run.run_id), 0, "F2,W.0,0,1,2,3")
        call("HSET", keys.errors(run.run_id), 0, ErrorInfo(kind, "bad row").pack())
        if parent >= 0:
            call("HSET", keys.run(run.run_id), "parent", f"r{parent},0,1,0", "depth", number)
        call("ZADD", keys.dead(), when or 1000 - number, f"{run.run_id},0")


def folded(client: Client, dag: str | None = None) -> list[tuple[str, int]]:
    return [(item.run_id, item.below) for item in client.dead_letters(dag, fold=True)]


def test_a_failure_deep_in_a_tree_is_one_letter(client: Client) -> None:
    """A recursion 100 runs deep filled two pages with the same error."""
    assert folded(client) == [("r0", DEPTH - 1)]
    assert len(client.dead_letters()) == DEPTH
    (letter,) = client.dead_letters(fold=True)
    assert _row(letter)[1] == "work and 4 tasks below it"


def test_several_children_of_one_task_are_below_it(client: Client) -> None:
    fail(client, 10, 0, when=500)
    fail(client, 11, -1, when=400)
    assert folded(client) == [("r0", DEPTH), ("r11", 0)]


def test_failures_of_the_same_moment_fold_too(client: Client) -> None:
    for depth in range(DEPTH):
        with client.shards[0].store() as at:
            at.link.call("ZADD", at.keys.dead(), 700, f"r{depth},0")
    assert folded(client) == [("r0", DEPTH - 1)]


def test_a_child_of_a_task_that_is_not_listed_is_listed(client: Client) -> None:
    """Its task has called other runs since, which succeeded, or is of another DAG."""
    fail(client, 12, 20)
    fail(client, 13, 0, dag="other")
    assert folded(client, "other") == [("r13", 0)]
    assert ("r12", 0) in folded(client)


def test_a_circle_of_parents_hides_nothing(client: Client) -> None:
    with client.shards[0].store() as at:
        at.link.call("HSET", at.keys.run("r0"), "parent", f"r{DEPTH - 2},0,1,0", "depth", 1)
    assert sum(1 + below for _, below in folded(client)) == DEPTH
