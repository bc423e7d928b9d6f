"""A DAG drawn as text, for Mermaid and for Graphviz; and the states that any drawing can show."""

from __future__ import annotations

import pytest
from drawn import make, read, stands

from flowkit import DAG, Task, TaskNotFoundError
from flowkit.client.status import RunStatus
from flowkit.core.graph import Graph
from flowkit.core.states import RunState, TaskState
from flowkit.drawing.marks import duration_text

DONE, FAILED = TaskState.SUCCEEDED, TaskState.FAILED


def status(**more) -> RunStatus:
    tasks = [stands("a", DONE, 0.0123), stands("b", FAILED, 2.5, 3, "ValueError: no\nsuch thing")]
    given = {
        "run_id": "r1",
        "dag_name": "etl",
        "state": RunState.FAILED,
        "stopping": False,
        "submitted": 100.0,
        "finished": 102.5,
        "total": 2,
        "counts": {"succeeded": 1, "failed": 1},
        "tasks": tasks,
        "graph": Graph.build(["a", "b"], [(0, 1)]),
    }
    return RunStatus(**{**given, **more})


class Handle:
    """What a drawing needs of a RunHandle."""

    def status(self) -> RunStatus:
        return status()


# -- without states --------------------------------------------------------------------------


def test_visualize_returns_exactly_the_promised_text():
    assert make("etl", "a c", "b c").visualize() == (
        "DAG: etl\n"
        "\na\n  Upstream: (none)\n  Downstream: c\n"
        "\nc\n  Upstream: a, b\n  Downstream: (none)\n"
        "\nb\n  Upstream: (none)\n  Downstream: c"
    )


def test_a_graph_for_graphviz_has_each_task_and_edge():
    lines = make("etl", "a b").to_dot().splitlines()
    assert lines[0] == 'digraph "etl" {'
    assert [line.strip() for line in lines[-4:]] == [
        't0 [label="a"]',
        't1 [label="b"]',
        "t0 -> t1",
        "}",
    ]


def test_names_are_harmless_for_graphviz():
    r"""Graphviz knows a language within quotes: ``\N`` is the task's id, ``&lt;`` is ``<``."""
    odd = Task(lambda: 1, name='"]; \\N &lt; \u202e')
    with DAG('"odd') as dag:
        dag.add(odd)
    text = dag.to_dot()
    assert text.startswith('digraph "\\"odd" {')
    assert 't0 [label="\\"]; \\\\N &amp;lt; \\\\u202e"]' in text


# -- what may be given as states ---------------------------------------------------------------


@pytest.mark.parametrize(
    "states",
    [
        {"a": DONE, "b": FAILED},
        {"a": "succeeded", "b": "failed"},
        {"a": stands("a", DONE), "b": stands("b", FAILED)},
        status(),
        Handle(),
    ],
    ids=["states", "words", "task statuses", "a run's status", "a run's handle"],
)
def test_states_come_as_a_mapping_or_from_a_run(states):
    dag = make("etl", "a b")
    assert [box.state for box in read(dag.to_svg(states)).boxes] == ["succeeded", "failed"]
    assert ":::succeeded" in dag.to_mermaid(states)
    assert 'label="b\\nfailed' in dag.to_dot(states)
    assert "\n  State: failed" in dag.visualize(states)


def test_a_task_without_a_state_is_drawn_without_one():
    dag = make("etl", "a b")
    assert [box.state for box in read(dag.to_svg({"b": DONE})).boxes] == ["plain", "succeeded"]
    assert dag.to_mermaid({"b": DONE}).splitlines()[4:6] == [
        '    t0["a"]',
        '    t1["b<br/>succeeded"]:::succeeded',
    ]
    assert dag.to_svg({}) == dag.to_svg()


def test_a_state_of_an_unknown_task_is_refused():
    with pytest.raises(TaskNotFoundError, match=r"DAG 'etl'.*'extrct'\..*Did you mean 'extract'"):
        make("etl", "extract load").to_svg({"extrct": DONE})


def test_a_run_of_an_earlier_version_is_refused_with_the_way_to_draw_it():
    with pytest.raises(TaskNotFoundError, match=r"RunHandle\.status\(\)\.to_svg\(\)"):
        make("etl", "a c").to_dot(status())


@pytest.mark.parametrize(
    ("states", "kind", "words"),
    [
        ({"a": "done"}, ValueError, "Task 'a': unknown state 'done'.*'succeeded'"),
        ({"a": 7}, TypeError, "Task 'a': its state must be a TaskState or a TaskStatus: 7"),
        ([("a", DONE)], TypeError, "a mapping from task names to states, a RunStatus or a RunHa"),
        ("failed", TypeError, "states must be a mapping"),
    ],
)
def test_an_invalid_state_is_refused_clearly(states, kind, words):
    with pytest.raises(kind, match=words):
        make("etl", "a b").to_mermaid(states)


# -- how a state is told -----------------------------------------------------------------------


def test_text_shows_state_duration_and_attempt():
    assert make("etl", "a b").visualize(status()) == (
        "DAG: etl\n"
        "\na\n  State: succeeded · 12 ms\n  Upstream: (none)\n  Downstream: b\n"
        "\nb\n  State: failed · 2.50 s · attempt 3\n  Upstream: a\n  Downstream: (none)"
    )


def test_mermaid_has_a_class_for_each_state_that_occurs():
    lines = make("etl", "a b").to_mermaid(status()).splitlines()
    assert '    t1["b<br/>failed · 2.50 s · attempt 3"]:::failed' in lines
    assert [line.split()[1] for line in lines if "classDef" in line] == ["succeeded", "failed"]


def test_graphviz_output_has_the_colours_of_states():
    (line,) = [item for item in make("etl", "a b").to_dot(status()).splitlines() if "t1 [" in item]
    assert 'label="b\\nfailed · 2.50 s · attempt 3"' in line
    assert "fillcolor=" in line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.999, "999 ms"),
        (0.9996, "1.00 s"),
        (9.99, "9.99 s"),
        (9.999, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_a_duration_has_a_useful_precision(seconds, text):
    assert duration_text(seconds) == text


# -- a run -------------------------------------------------------------------------------------


def test_a_runs_status_draws_itself_with_the_edges_that_the_run_follows():
    run, dag = status(), make("etl", "a b")
    assert run.visualize() == dag.visualize(run)
    assert run.to_mermaid() == dag.to_mermaid(run)
    assert run.to_dot() == dag.to_dot(run)
    assert run.to_svg() == dag.to_svg(run)


def test_a_status_without_a_graph_draws_its_tasks():
    drawn = read(status(graph=None).to_svg())
    assert [box.lines[0] for box in drawn.boxes] == ["a", "b"]
    assert drawn.edges == []


def test_the_repr_of_a_status_omits_the_graph():
    assert status(graph=None) == status()
    assert "graph" not in repr(status())
