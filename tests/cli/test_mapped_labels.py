"""What clients and commands say of items beside their index: their labels, and what blocked them.

``files >> parse.map(label=…) >> store.map() >> merge``: an item of ``store`` has the label of the
item of ``parse`` with its index. The labels here end a line of a terminal if nobody escapes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from click.testing import CliRunner
from json_schema import valid_document
from mapped_records import OVER, chain, expanded, finished, parse_item, store_item, submitted, write

from flowkit import Client, FlowkitError, RunHandle
from flowkit.cli import main
from flowkit.client import status_reader
from flowkit.client.history import HistoryKind
from flowkit.core.mapped_sequence import TASK_ABOVE_FAILED, UPSTREAM_FAILED, ItemFailure
from flowkit.protocol import blocked
from flowkit.protocol.log_store import LogStore, NewChunk
from flowkit.protocol.records import TaskRecord
from flowkit.protocol.store import Store

FAILED, BLOCKED = "F2,W.0,0,10,25,5", "U0,,0,,25,"
COUNT = 50
LABELS = {parse_item(index): f"file {name}" for index, name in enumerate("abc")}
WHY = "upstream item parse[1] (file b) failed: ValueError: bad row"


@pytest.fixture
def client() -> Iterator[Client]:
    """Item 1 has failed in ``parse``, and was blocked in ``store``. Both collect failures."""
    with submitted(chain()) as (client, run):
        records = finished() | {parse_item(1): FAILED, store_item(1): BLOCKED}
        write(run, records, errors={parse_item(1): "bad row"}, labels=LABELS)
        yield client


@pytest.fixture
def run(client: Client) -> RunHandle:
    return client.run("r1")


def printed(client: Client, *words: str) -> str:
    url = client.shards[0].shard.url
    result = CliRunner().invoke(main, [*words, "--redis", url])
    assert result.exit_code == 0, result.output
    return result.stdout


# -- labels ------------------------------------------------------------------------------------


def test_items_behind_items_have_the_labels_of_those(run: RunHandle) -> None:
    """They had none, unless their own task had a label too."""
    items = run.items()
    assert [item.label for item in items if item.name.startswith("parse")] == list(LABELS.values())
    assert [item.label for item in items if item.name.startswith("store")] == list(LABELS.values())
    write(run, {store_item(2): FAILED}, errors={store_item(2): "no disk"})
    with pytest.raises(
        FlowkitError, match=r"'store\[2\]' \('file c'\) failed: ValueError: no disk"
    ):
        run.result("store[2]")


def test_an_item_that_has_not_begun_has_the_label_of_the_item_before_it(run: RunHandle) -> None:
    write(run, dict.fromkeys((2, store_item(0)), "P0,,0,,,"))
    (item,) = run.items("store", states=["pending"])
    assert (item.name, item.label) == ("store[0]", "file a")


def test_the_history_names_items_with_labels(client: Client, run: RunHandle) -> None:
    write(run, {}, fields={"state": "failed", "failed": parse_item(1), "finished": 2_000})
    attempts = [event for event in run.history() if event.what is HistoryKind.ATTEMPT]
    (item,) = [event for event in attempts if event.task == "parse[1]"]
    assert item.label == "file b"
    assert str(item).startswith("parse[1] (file b), attempt 2: failed after ")
    (ended,) = [event for event in run.history() if event.what is HistoryKind.ENDED]
    assert str(ended) == "ended: failed, task parse[1] (file b) failed"
    (blocked_item,) = [at for at in run.history("store[1]") if at.what is HistoryKind.NOT_RUN]
    assert str(blocked_item).startswith("store[1] (file b) did not run")
    write(run, {}, labels={parse_item(1): "b\x1b[31m\nx"})
    assert r"parse[1] (b\x1b[31m x), attempt 2" in printed(client, "history", "r1", "parse[1]")
    document = printed(client, "history", "r1", "parse[1]", "--json")
    items = valid_document(document, "flowkit/history/1")["items"]
    assert "b\x1b[31m\nx" in [item["label"] for item in items]


def test_the_history_of_a_blocked_map_counts_its_items(run: RunHandle) -> None:
    """It said "a task before it failed with 3 items"."""
    write(run, {2: "U0,,0,,30,,3"})
    texts = [str(event) for event in run.history() if event.what is HistoryKind.MAPPED]
    says = "store did not run: a task before it failed (3 items: 2 succeeded, 1 upstream failed)"
    assert says in texts


def test_dead_letters_show_labels(client: Client, run: RunHandle) -> None:
    write(run, {store_item(2): FAILED}, errors={store_item(2): "no disk"})
    with run.shard.store() as at:
        for number, when in ((parse_item(1), 1000), (store_item(2), 900)):
            at.link.call("ZADD", at.keys.dead(), when, f"r1,{number}")
    assert [letter.label for letter in client.dead_letters()] == ["file b", "file c"]
    text = printed(client, "dead", "ls", "--items")
    assert "parse[1] (file b)" in text
    assert "store[2] (file c)" in text


def test_a_mapped_task_that_failed_has_no_attempt(client: Client, run: RunHandle) -> None:
    """It was shown as "attempt 0"."""
    write(run, {0: f"{OVER},!str", 1: "F0,,0,,30,"}, errors={1: "over a str"})
    text = printed(client, "dead", "show", "r1", "parse")
    assert "Error:    ValueError: over a str" in text
    assert "attempt" not in text
    assert "Worker:" not in text


def test_lines_of_items_are_shown_with_labels(client: Client, run: RunHandle) -> None:
    with run.shard.store() as at:
        logs = LogStore(at.link, at.keys.namespace)
        chunks = [
            NewChunk(number, 1, 1, 1, b"1764508800123 20o a line\n") for number in (0, *LABELS)
        ]
        chunks = [chunk for chunk in chunks if chunk.task != parse_item(1)]
        assert all(logs.append_logs("r1", "W.0", 1, chunks, most_bytes=10**6) or [""])
    write(run, {}, labels={parse_item(2): "c\n\x1b[2J"})
    assert [(line.task, line.label) for line in run.logs()] == [
        ("files", ""),
        ("parse[0]", "file a"),
        ("parse[2]", "c\n\x1b[2J"),
    ]
    text = printed(client, "logs", "r1")
    assert " files: a line\n" in text
    assert " parse[0] (file a): a line\n" in text
    assert r" parse[2] (c\n\x1b[2J): a line" in text


def test_explanations_name_items_with_labels(client: Client, run: RunHandle) -> None:
    write(run, {3: "P0,,0,,,", store_item(2): "W1,W.0,0,10,60000,5,retry,25"})
    sentence = run.explain("store[2]").sentence
    assert sentence.startswith("Task 'store[2] (file c)' is retried ")
    assert run.explain("store[2]").command == "flowkit retry r1 'store[2]'"
    causes = {group.cause: group for group in run.explain().causes}
    assert causes["retry"].task == "store[2]"
    assert "'store[2] (file c)'" in causes["retry"].sentence
    assert run.explain("store[1]").sentence == (
        "Task 'store[1] (file b)' did not run, since task 'parse[1] (file b)' failed: "
        "ValueError: bad row."
    )


def test_why_counts_what_a_failure_blocked(client: Client, run: RunHandle) -> None:
    write(run, {1: "F0,,0,,30,,3", 2: "U0,,0,,30,,3", 3: "P0,,0,,,"})
    text = printed(client, "why", "r1")
    assert "      1  failed, first 'parse[1] (file b)': ValueError: bad row\n" in text
    assert "      1  did not run, since a task upstream failed\n" in text


# -- what blocked an item ----------------------------------------------------------------------


def test_a_blocked_item_names_the_item_that_began_it(client: Client, run: RunHandle) -> None:
    """It had no error at all, or "its upstream item failed"."""
    (item,) = run.items("store", states=["upstream_failed"])
    assert (item.name, item.label, item.error) == ("store[1]", "file b", WHY)
    assert run.mapped("store").failures == [ItemFailure(1, "file b", WHY)]
    with pytest.raises(
        FlowkitError, match=r"upstream_failed: upstream item parse\[1\] \(file b\) f"
    ):
        run.result("store[1]")
    assert WHY in printed(client, "status", "r1", "--items", "upstream_failed")


def test_a_task_behind_names_it_too(run: RunHandle) -> None:
    write(run, {1: "F0,,0,,30,,3", 2: "U0,,0,,30,,3", 3: BLOCKED})
    with pytest.raises(
        FlowkitError, match=r"'merge' .* is upstream_failed: upstream item parse\[1\]"
    ):
        run.result("merge")


def test_an_item_whose_own_item_was_cancelled_names_the_one_that_stopped_the_map(
    run: RunHandle,
) -> None:
    cancelled = {parse_item(2): "C0,,0,,25,", store_item(2): BLOCKED}
    write(run, cancelled | {1: "F0,,0,,30,,3", 2: "U0,,0,,30,,3"})
    assert [item.error for item in run.items("store", states=["upstream_failed"])] == [WHY, WHY]


def test_an_item_below_an_ordinary_task_names_that_task(run: RunHandle) -> None:
    write(run, {0: FAILED, 1: BLOCKED, 2: BLOCKED, 3: BLOCKED}, errors={0: "no disk"})
    for task in ("parse", "store", "merge"):
        says = rf"'{task}' .* is upstream_failed: upstream task files failed: ValueError: no disk$"
        with pytest.raises(FlowkitError, match=says):
            run.result(task)


def test_what_is_too_far_above_or_gone_is_not_named(
    run: RunHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(run, {parse_item(1): OVER})
    assert [item.error for item in run.items("store", states=["upstream_failed"])] == [
        UPSTREAM_FAILED
    ]
    write(run, {parse_item(1): BLOCKED, 0: FAILED}, errors={0: "no disk"})
    (item,) = run.items("store", states=["upstream_failed"])
    assert item.error == "upstream task files failed: ValueError: no disk"
    monkeypatch.setattr(blocked, "MOST_LEVELS", 1)
    (item,) = run.items("store", states=["upstream_failed"])
    assert item.error == UPSTREAM_FAILED
    write(run, {1: BLOCKED, 2: BLOCKED, 3: BLOCKED})
    with pytest.raises(FlowkitError, match=f"'merge' .* is upstream_failed: {TASK_ABOVE_FAILED}$"):
        run.result("merge")


def test_a_failure_without_a_stored_error_has_no_text(run: RunHandle) -> None:
    """A client said that the error cannot be read, and a worker said nothing."""
    write(run, {parse_item(2): FAILED})
    assert run.mapped("parse").failures[1] == ItemFailure(2, "file c", "")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The numbers of each call that reads records, in a run of 50 blocked items of ``store``."""
    calls: list[list[int]] = []
    read = Store.read_records

    def noted(store: Store, run: str, tasks: Sequence[int]) -> list[TaskRecord]:
        calls.append(list(tasks))
        return read(store, run, tasks)

    monkeypatch.setattr(Store, "read_records", noted)
    return calls


def write_blocked(run: RunHandle) -> None:
    items = {
        at(index): state
        for index in range(COUNT)
        for at, state in ((parse_item, FAILED), (store_item, BLOCKED))
    }
    write(run, expanded(COUNT) | items | dict.fromkeys((1, 2), f"F0,,0,,30,,{COUNT}"))


def test_states_above_are_read_for_all_items_together(
    run: RunHandle, reads: list[list[int]]
) -> None:
    write_blocked(run)
    numbers = [store_item(index) for index in range(COUNT)]
    with run.shard.store() as at:
        texts = blocked.why_blocked(at, "r1", run.graph(), numbers)
    assert len(reads) == 1
    assert texts[store_item(7)] == "upstream item parse[7] failed"


def test_failures_are_read_in_parts(
    run: RunHandle, reads: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client read the records above a million blocked items at once."""
    write_blocked(run)
    mapped = run.mapped("store")
    monkeypatch.setattr("flowkit.protocol.decoding.PART", 10)
    failures = mapped.failures
    assert [failure.index for failure in failures] == list(range(COUNT))
    assert failures[49].error == "upstream item parse[49] failed"
    assert max(map(len, reads)) == 10


def test_the_item_that_stopped_a_map_is_searched_for_once(
    run: RunHandle, reads: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was searched for anew in each part of the items that it blocked."""
    write_blocked(run)
    write(run, {parse_item(index): "C0,,0,,25," for index in range(COUNT)})
    last = parse_item(COUNT - 1)
    write(run, {last: FAILED})
    monkeypatch.setattr(status_reader, "PART", 10)
    items = run.items("store", states=["upstream_failed"], limit=COUNT - 1)
    assert {item.error for item in items} == {f"upstream item parse[{COUNT - 1}] failed"}
    assert sum(last in part for part in reads) == 1
