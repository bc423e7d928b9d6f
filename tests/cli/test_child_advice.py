"""What commands say of a run whose tasks have called others, on records written by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from json_schema import valid_document

from flowkit import DAG, Client, Task
from flowkit.cli import main
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import TaskNotFailed
from flowkit.protocol.calls import Calls, StoredCall
from flowkit.protocol.records import ErrorInfo

TOP, MIDDLE, DEEPEST = "top", "middle", "deepest"
WAITS = "W1,W.0,0,0,0,0,children,0"
FAILED = "F2,W.0,0,1,2,3"
ERRORS = {
    TOP: ("ChildRunFailed", "run middle failed: m/work → d/work: ValueError: bad row"),
    MIDDLE: ("ChildRunFailed", "run deepest failed: d/work: ValueError: bad row"),
    DEEPEST: ("ValueError", "bad row"),
}


def work() -> None: ...


@pytest.fixture
def client() -> Iterator[Client]:
    """Run ``top`` waits for ``middle``, which waits for ``deepest``."""
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        for run, child in ((TOP, MIDDLE), (MIDDLE, DEEPEST), (DEEPEST, "")):
            handle = client.submit(DAG(run, tasks=[Task(work), Task(print)]), run_id=run)
            with handle.shard.store() as at:
                keys, call = at.keys, at.link.call
                if child:
                    call("HSET", keys.tasks(run), 0, WAITS)
                    called = Calls((StoredCall(child, child),), is_list=False).pack()
                    call("HSET", keys.children(run), 0, "1,1,default,5", "0,1", called)
                    call("HSET", keys.run(run), "children", 1)
                if run != TOP:
                    above = TOP if run == MIDDLE else MIDDLE
                    call("HSET", keys.run(run), "parent", f"{above},0,1,0", "depth", 1)
        yield client


def fail(client: Client) -> None:
    """End all runs: the deepest failed, and so those above."""
    for run, (kind, message) in ERRORS.items():
        with client.run(run).shard.store() as at:
            keys, call = at.keys, at.link.call
            call("HSET", keys.tasks(run), 0, FAILED)
            call("HSET", keys.errors(run), 0, ErrorInfo(kind, message).pack())
            call("HSET", keys.run(run), "state", "failed", "failed", 0, "finished", 10**12)


def command(client: Client, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--redis", client.shards[0].shard.url])


def test_a_task_that_waits_for_runs_is_not_retried(client: Client) -> None:
    """It said that it retries one task, and nothing happened."""
    for words in (("work",), ()):
        done = command(client, "retry", TOP, *words)
        assert done.exit_code == 4
        assert (
            "'work' of run 'top' does not wait for a retry: it waits for run 'middle'"
            in done.stderr
        )
        assert "'flowkit retry middle'" in done.stderr
        assert "'flowkit why middle'" in done.stderr
    with pytest.raises(TaskNotFailed, match="waits for run 'middle' that it has called"):
        client.run(TOP).retry("work")


def test_tasks_that_wait_for_a_retry_are_counted_alone(client: Client) -> None:
    with client.run(TOP).shard.store() as at:
        at.link.call("HSET", at.keys.tasks(TOP), 1, "W1,W.0,0,0,0,3600000")
    assert client.run(TOP).retry().tasks == ("print",)
    with pytest.raises(TaskNotFailed, match="waits for run 'middle'"):
        client.run(TOP).retry(["print", "work"])


def test_why_names_the_deepest_run_that_failed(client: Client) -> None:
    fail(client)
    says = "That happened in run deepest: 'flowkit why deepest', 'flowkit logs deepest'."
    for words in ((), ("work",)):
        assert says in command(client, "why", TOP, *words).stdout
    document = valid_document(command(client, "why", TOP, "--json").stdout, "flowkit/why/1")
    assert document["failure"]["run"] == DEEPEST
    assert "That happened" not in command(client, "why", DEEPEST).stdout


def test_the_text_of_an_error_alone_names_no_run(client: Client) -> None:
    """A task can raise any text, or its run is gone."""
    fail(client)
    with client.run(TOP).shard.store() as at:
        at.link.call("HSET", at.keys.run(DEEPEST), "parent", "another,0,1,0")
    assert "in run middle:" in command(client, "why", TOP).stdout
    with client.run(TOP).shard.store() as at:
        at.link.call("DEL", at.keys.run(MIDDLE))
    assert "That happened" not in command(client, "why", TOP).stdout


def test_a_run_without_lines_says_that_its_children_have_them(client: Client) -> None:
    """It blamed the settings of the workers."""
    said = command(client, "logs", TOP).stderr
    assert "is stored with them. To list them: flowkit status top" in said
    assert "FLOWKIT_TASK_LOGS" not in said
    assert "FLOWKIT_TASK_LOGS" in command(client, "logs", DEEPEST).stderr


def test_items_of_a_dag_without_a_mapped_task(client: Client) -> None:
    said = command(client, "status", TOP, "--items", "failed").stderr
    assert "DAG 'top' has no mapped task." in said
    assert "No item matches" not in said
