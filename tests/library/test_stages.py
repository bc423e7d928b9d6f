"""Edges between several tasks and several tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowkit import DAG, Task, task
from flowkit.app import load_app
from flowkit.exceptions import AppError

Four = tuple[Task, Task, Task, Task]


@pytest.fixture
def abcd() -> Four:
    a, b, c, d = (Task(lambda *values: values, name=name) for name in "abcd")
    return a, b, c, d


@pytest.mark.promise("dag-28")
def test_stages_connect_every_pair(abcd: Four) -> None:
    a, b, c, d = abcd
    last = task(lambda *values: values, name="last")
    assert a >> [b, c] >> (d, last) == [d, last]
    assert (d.upstream, last.upstream) == ([b, c], [b, c])
    assert (a.upstream, b.downstream) == ([], [d, last])


def test_a_list_before_a_stage_connects_every_pair_too(abcd: Four) -> None:
    a, b, c, d = abcd
    assert [a, b] >> (c >> [d]) == [d]
    assert d.upstream == [c, a, b]


def test_an_empty_stage_draws_nothing_and_its_other_side_is_in_the_dag(abcd: Four) -> None:
    a, b, *_ = abcd
    with DAG("stages") as dag:
        a >> [] >> [b]
    assert [item.name for item in dag.tasks] == ["a", "b"]
    assert b.upstream == []


def test_a_stage_is_connected_with_tasks_only(abcd: Four) -> None:
    a, b, c, _ = abcd
    with pytest.raises(TypeError, match=r"\[b, c\] >> 5.*not a task but"):
        a >> [b, c] >> 5
    with pytest.raises(TypeError, match="not a task but"):
        [5] >> (a >> [b])
    assert c.downstream == []


@pytest.mark.parametrize("drawn", ["[a, b] >> [c, d]", "(a, b) >> [c, d]", "[a] >> (c, d)"])
def test_where_python_refuses_an_edge_the_command_says_what_to_write(
    tmp_path: Path, drawn: str
) -> None:
    path = tmp_path / "stages_app.py"
    tasks = "".join(f"@task\ndef {name}(*values): ...\n" for name in "abcd")
    path.write_text(f"from flowkit import task\n{tasks}{drawn}\n")
    with pytest.raises(AppError) as caught:
        load_app(str(path))
    text = str(caught.value)
    assert "line 10)" in text
    assert text.endswith("or begin with a task: `start >> [a, b] >> [c, d]`")
