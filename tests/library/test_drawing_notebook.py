"""What a notebook shows of a DAG and of a run."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from drawn import make, read, stands
from real_redis import RealRedis

from flowkit import DAG, Client, RunHandle, Task, task
from flowkit.client.status import RunStatus
from flowkit.core.graph import Graph
from flowkit.core.states import RunState, TaskState


@task
def first():
    return 1


@task
def second(number):
    return number


def parts(html: str) -> tuple[str, str]:
    """Return the text above the drawing, and the drawing."""
    above, begin, rest = html.partition("<svg")
    text = "".join(ElementTree.fromstring(f"<x>{above.partition('<div')[0]}</x>").itertext())
    return text.strip(), begin + rest.removesuffix("</div>")


def status(**more) -> RunStatus:
    given = {
        "run_id": "r1",
        "dag_name": "<etl>",
        "state": RunState.FAILED,
        "stopping": False,
        "submitted": 100.0,
        "finished": 102.5,
        "total": 2,
        "counts": {"succeeded": 1, "upstream_failed": 1},
        "tasks": [stands("a", TaskState.SUCCEEDED), stands("b", TaskState.UPSTREAM_FAILED)],
        "graph": Graph.build(["a", "b"], [(0, 1)]),
    }
    return RunStatus(**{**given, **more})


@pytest.fixture
def client(redis_server: RealRedis, namespace: str) -> Iterator[Client]:
    with Client.connect(redis_server.url, namespace) as result:
        yield result


def test_a_dag_is_shown_as_its_drawing():
    dag = make("etl", "a b")
    text, drawing = parts(dag._repr_html_())
    assert (text, drawing) == ("", dag.to_svg())


def test_a_dag_that_is_too_large_is_shown_as_a_sentence():
    dag = make("<long>", " ".join(f"n{number}" for number in range(2_001)))
    html = dag._repr_html_()
    assert "<svg" not in html
    assert "&lt;long&gt;" in html
    assert "2,001 boxes" in html


def test_a_run_is_shown_as_a_line_and_its_drawing():
    text, drawing = parts(status()._repr_html_())
    assert text == (
        "Run r1 of DAG <etl>: failed after 2.50 s; 2 tasks: 1 succeeded, 1 upstream failed."
    )
    assert [box.state for box in read(drawing).boxes] == ["succeeded", "upstream_failed"]


def test_the_line_tells_what_an_unfinished_run_waits_for():
    going = status(
        state=RunState.RUNNING,
        finished=None,
        stopping=True,
        total=1,
        counts={"queued": 1},
        waiting_for="Nobody serves queue 'gpu'.",
    )
    text, _ = parts(going._repr_html_())
    assert text == ("Run r1 of DAG <etl>: stopping; 1 task: 1 queued. Nobody serves queue 'gpu'.")


def test_a_handle_shows_the_current_state_of_its_run(client: Client):
    with DAG("pair") as dag:
        first >> second
    handle = client.submit(dag)
    text, drawing = parts(handle._repr_html_())
    assert text.startswith(f"Run {handle.run_id} of DAG pair: running; 2 tasks: 2 pending.")
    assert "flowkit-scheduler" in text
    assert [edge.name for edge in read(drawing).edges] == ["first → second"]
    assert dag.to_svg(handle) == drawing


def test_a_handle_of_no_run_says_what_is_wrong_with_it(client: Client):
    html = RunHandle(
        client.shards[0], "no-such-run", provenance=client.provenance, max_result_bytes=1000
    )._repr_html_()
    assert "<svg" not in html
    assert "no-such-run" in html
    assert "RunHandle(" in html


def test_names_are_harmless_in_a_page():
    with DAG("<script>alert(1)</script>") as dag:
        dag.add(Task(lambda: 1, name='</svg><script>alert("2")</script>'))
    assert "<script" not in dag._repr_html_()
    assert "<script" not in status(dag_name="<script>", waiting_for="<script>")._repr_html_()
