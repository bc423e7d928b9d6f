"""Random DAGs with mapped tasks have the results of a plain evaluation, and resumes keep them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit import DAG, StateManager, Task
from flowkit.testing import run_dag

GONE = object()  # an item that failed, or that did not run because of one that failed


class Wrong(Exception):
    """What an item raises on purpose."""


@dataclass(frozen=True)
class Node:
    """One task of a random DAG. ``inputs``: earlier nodes. ``over``: how many of them are mapped.

    ``size``: of the lists that its function returns. ``kind``: "plain", "map" or "flatten".
    """

    kind: str
    inputs: tuple[int, ...]
    over: int
    size: int


def number_of(args: Any) -> int:
    return zlib.crc32(repr(args).encode())


def value_of(at: int, node: Node, args: tuple[Any, ...], wrong: bool) -> list[Any]:
    """What the function of a node returns: always a list, so that all can be mapped."""
    number = number_of((at, args))
    if wrong and node.kind != "plain" and number % 5 == 0:
        raise Wrong
    return [number + step for step in range((node.size + number) % 4)]


@st.composite
def nodes(draw: st.DrawFn) -> list[Node]:
    made = [Node("plain", (), 0, draw(st.integers(0, 3)))]
    for at in range(1, draw(st.integers(2, 6))):
        inputs = draw(st.lists(st.integers(0, at - 1), min_size=1, max_size=3, unique=True))
        mapped = [one for one in inputs if made[one].kind != "plain"]
        kind = draw(st.sampled_from(["plain", "map", "map", "flatten"]))
        over = inputs[:1]
        if kind == "flatten":
            over = mapped[:1]
            kind = "flatten" if mapped else "map"
            over = over or inputs[:1]
        inputs = [*over, *(one for one in inputs if one not in over)]
        made.append(Node(kind, tuple(inputs), 1 if kind != "plain" else 0, draw(st.integers(0, 3))))
    return made


def evaluate(plan: list[Node]) -> list[Any]:
    """The results of all nodes, without flowkit."""
    results: list[list[Any]] = []
    for at, node in enumerate(plan):
        whole = [visible(results[source]) for source in node.inputs]
        if node.kind == "plain":
            results.append(value_of(at, node, tuple(whole), wrong=True))
            continue
        first = results[node.inputs[0]]
        if node.kind == "flatten":
            first = [element for part in first if part is not GONE for element in part]
        items: list[Any] = []
        for element in first:
            try:
                if element is GONE:
                    raise Wrong
                items.append(value_of(at, node, (element, *whole[1:]), wrong=True))
            except Wrong:
                items.append(GONE)
        results.append(items)
    return [visible(result) for result in results]


def visible(result: list[Any]) -> list[Any]:
    return [None if one is GONE else one for one in result]


def build(plan: list[Node], calls: list[int], fails: list[bool]) -> DAG:
    def function(at: int, node: Node) -> Any:
        def run(*args: Any) -> list[Any]:
            calls.append(at)
            return value_of(at, node, args, fails[0])

        return run

    with DAG("random") as dag:
        tasks: list[Task] = []
        for at, node in enumerate(plan):
            made = Task(function(at, node), name=f"t{at}")
            if node.kind != "plain":
                over = tasks[node.inputs[0]]
                flat = node.kind == "flatten"
                made = made.map(over=over, failures="collect", flatten=flat)
            tasks.append(made)
            dag.add(made)
            for source in node.inputs:
                tasks[source] >> made
    return dag


@settings(max_examples=60)
@given(nodes())
def test_the_results_are_those_of_a_plain_evaluation(plan: list[Node]) -> None:
    dag = build(plan, [], [True])
    expected = {f"t{at}": value for at, value in enumerate(evaluate(plan))}
    result = run_dag(dag, strict_values=False, max_workers=2).assert_succeeded()
    assert result.results == expected
    for at, node in enumerate(plan):
        if node.kind != "plain":
            assert len(result.items(f"t{at}")) == len(expected[f"t{at}"])


@settings(max_examples=40)
@given(nodes(), st.data())
def test_a_resume_has_the_results_of_a_run_without_failures(
    plan: list[Node], data: st.DataObject
) -> None:
    calls, fails, state = list[int](), [True], StateManager()
    dag = build(plan, calls, fails)
    dag.run(state=state, max_workers=1)
    fails[0] = False
    whole = build(plan, [], [False]).run(max_workers=1)
    if data.draw(st.booleans()):
        assert dag.run(state=state, resume=True, max_workers=1) == whole
    else:
        named = data.draw(st.sampled_from([task.name for task in dag.tasks]))
        assert dag.run(state=state, resume=True, from_task=named, max_workers=1) == whole
    calls.clear()
    assert dag.run(state=state, resume=True, max_workers=1) == whole
    assert calls == []
