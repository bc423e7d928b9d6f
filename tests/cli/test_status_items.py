"""``flowkit status`` of runs with mapped tasks, on records written by hand."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner, Result
from json_schema import valid_document
from mapped_records import OVER, expanded, finished, parse_item, store_item, submitted, write

from flowkit import Client, RunHandle
from flowkit.cli import main
from flowkit.core.states import TaskState


def show(client: Client, *words: str) -> Result:
    url = client.shards[0].shard.url
    result = CliRunner().invoke(main, ["status", "r1", *words, "--redis", url])
    assert result.exit_code == 0, result.output
    return result


def midway(run: RunHandle, count: int = 60) -> None:
    """Items of ``parse``: two failed, one is running, one waits; the others have succeeded."""
    records = expanded(count) | {parse_item(index): OVER for index in range(count)}
    for index in (3, 55):
        records[parse_item(index)] = "F2,W.0,0,10,25,5"
    records[parse_item(4)] = "R1,W.0,0,10,,5"
    records[parse_item(5)] = "W1,W.0,0,10,60000,5,retry,25"
    errors = {parse_item(3): "bad row", parse_item(5): "not yet"}
    write(run, records, errors=errors, labels={parse_item(3): "file \x1b[31md"})


@pytest.mark.promise("map-16")
def test_a_mapped_task_is_one_row_with_a_bar_of_its_items() -> None:
    with submitted() as (client, run):
        midway(run)
        text = show(client).stdout
    assert "Tasks:     122: 2 failed, 1 running, 1 waiting, 61 pending, 57 succeeded" in text
    (row,) = re.findall(r"^parse .*", text, re.MULTILINE)
    bar, rest = row.split(maxsplit=2)[1:]
    assert len(bar) == 10
    assert rest.startswith("60 items: 1 running, 1 waiting, 56 succeeded, 2 failed  running")
    assert r"parse[3] (file \x1b[31md): ValueError: bad row" in row
    assert re.search(r"^store +─+ 60 items: 60 pending +pending", text, re.MULTILINE)


@pytest.mark.promise("map-17")
def test_items_in_some_states_are_listed_with_labels_and_errors() -> None:
    with submitted() as (client, run):
        midway(run)
        text = show(client, "--items", "failed,waiting").stdout
    rows = [line for line in text.splitlines() if line.startswith("parse[")]
    assert [row.split()[0] for row in rows] == ["parse[3]", "parse[5]", "parse[55]"]
    assert r"file \x1b[31md  failed" in rows[0]
    assert rows[0].endswith("ValueError: bad row")
    assert "ValueError: not yet" in rows[1]
    assert "merge" not in text


def test_a_list_of_items_says_how_many_more_there_are_and_how_to_see_them() -> None:
    with submitted() as (client, run):
        midway(run)
        result = show(client, "--items", "--task", "pars*", "--limit", "7")
        assert result.stdout.count("\nparse[") == 7
        says = "… and 53 more: flowkit status r1 --items all --task 'pars*' --all"
        assert says in result.stderr
        assert show(client, "--items", "--task", "parse", "--all").stdout.count("\nparse[") == 60
        assert show(client, "--items").stdout.count("\nparse[") == 50
        assert "No item matches." in show(client, "--items", "skipped").stderr
        assert "No item matches." in show(client, "--items", "--task", "merge").stderr


def test_retried_tasks_and_items_are_found() -> None:
    with submitted() as (client, run):
        midway(run)
        assert re.findall(r"^(\w+) ", show(client, "--retried").stdout, re.MULTILINE)[-1] == "parse"
        text = show(client, "--items", "--retried").stdout
        assert re.findall(r"^parse\[\d+\]", text, re.MULTILINE) == ["parse[3]", "parse[55]"]
        more = show(client, "--items", "--retried", "--limit", "1").stderr
        assert "… and 1 more: flowkit status r1 --items all --retried --all" in more
        url = client.shards[0].shard.url
        words = ["status", "r1", "--items", "failed", "--retried", "--redis", url]
        refused = CliRunner().invoke(main, words)
        assert (refused.exit_code, "omit those after --items" in refused.stderr) == (2, True)


def test_a_mapped_task_that_failed_without_items_says_why() -> None:
    """It said only "No item matches."."""
    with submitted() as (client, run):
        write(run, {0: f"{OVER},!str", 1: "F0,,0,,30,"}, errors={1: "over a \x1b[31mstr"})
        result = show(client, "--items", "failed")
    assert (
        result.stderr == "\nNo item matches.\nparse has no items: ValueError: over a \\x1b[31mstr\n"
    )


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("U0,,0,,30,", "a task above it failed"),
        ("K0,,0,,30,", "it was skipped"),
        ("S0,,0,,30,,0", "what it is mapped over has no elements"),
    ],
)
def test_a_mapped_task_that_is_over_without_items_says_why(record: str, reason: str) -> None:
    """Only one that failed did."""
    with submitted() as (client, run):
        write(run, {0: "F1,W.0,0,10,25,5" if record[0] == "U" else f"{OVER},0/1", 1: record})
        result = show(client, "--items", "--task", "parse")
    assert result.stderr == f"\nNo item matches.\nparse has no items: {reason}\n"


def test_the_document_counts_items_and_lists_them_if_asked() -> None:
    with submitted() as (client, run):
        midway(run)
        plain = valid_document(show(client, "--json").stdout, "flowkit/status/1")
        listed = valid_document(
            show(client, "--json", "--items", "failed").stdout, "flowkit/status/1"
        )
    by_name = {task["name"]: task for task in plain["tasks"]}
    assert by_name["parse"]["items"] == {"running": 1, "waiting": 1, "succeeded": 56, "failed": 2}
    assert by_name["merge"]["items"] is None
    assert plain["mapped_items"] is None
    assert plain["total"] == 122
    assert [item["name"] for item in listed["mapped_items"]] == ["parse[3]", "parse[55]"]
    assert listed["mapped_items"][0]["label"] == "file \x1b[31md"
    assert listed["mapped_items"][0]["error"] == "ValueError: bad row"
    assert listed["matching_items"] == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--items", "broken"], "unknown state of a task 'broken'"),
        (["--items", "failed", "--state", "failed"], "omit --state"),
        (["--items", "failed", "--no-tasks"], "omit --state and --no-tasks"),
    ],
)
def test_a_wrong_use_of_items_is_refused(words: list[str], says: str) -> None:
    result = CliRunner().invoke(main, ["status", "r1", *words])
    assert result.exit_code == 2
    assert says in result.output


def test_a_handle_returns_items_with_their_states() -> None:
    with submitted() as (_, run):
        midway(run)
        items = run.items("parse", states=["failed"])
        assert [(item.name, item.state, item.attempt) for item in items] == [
            ("parse[3]", TaskState.FAILED, 2),
            ("parse[55]", TaskState.FAILED, 2),
        ]
        assert not items.more
        some = run.items(states=[TaskState.PENDING], limit=3)
        assert [item.name for item in some] == ["store[0]", "store[1]", "store[2]"]
        assert some.more
        with pytest.raises(ValueError, match="'broken' is not a valid TaskState"):
            run.items(states=["broken"])


def test_the_state_of_a_run_counts_its_items() -> None:
    with submitted() as (client, run):
        write(run, finished(4), fields={"counts": "succeeded=10"})
        status = run.status()
        assert status.total == 10
        assert status.counts == {"succeeded": 10}
        parse = status.tasks[1]
        assert (parse.items, parse.total_items) == ({"succeeded": 4}, 4)
        assert status.app_versions == []
        assert run.record().total == 10, "the counts of the scheduler include items"
        assert run.record().graph_total == 4
        write(run, {store_item(2): "x"})
        assert (
            "is damaged in Redis"
            in CliRunner()
            .invoke(main, ["status", "r1", "--redis", client.shards[0].shard.url])
            .output
        )


def test_a_drawing_of_a_run_shows_a_mapped_task_with_its_items() -> None:
    with submitted() as (client, run):
        midway(run)
        words = ["graph", "--run", "r1", "--redis", client.shards[0].shard.url]
        text = CliRunner().invoke(main, words).stdout
        assert "parse[]\n  State: running · 58/60 items, 2 failed" in text
        write(run, finished(0))
        assert "store[]\n  State: succeeded\n" in CliRunner().invoke(main, words).stdout
