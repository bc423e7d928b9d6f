"""History, logs, retries, resumes, dead letters and explanations of items."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mapped_records import (
    OVER,
    expanded,
    finished,
    parse_item,
    store_item,
    submitted,
    write,
)

from flowkit import Client, RunHandle, TaskNotFoundError
from flowkit.client.history import HistoryKind
from flowkit.exceptions import RunNotOver, TaskNotFailed
from flowkit.protocol.scheduler_store import SchedulerStore

FAILED = "F2,W.0,0,10,25,5"
WAITS = "W1,W.0,0,10,3600000,5,retry,25"
LABELS = {parse_item(1): "file b"}


@pytest.fixture
def run() -> Iterator[RunHandle]:
    with submitted() as (_, run):
        yield run


def end(run: RunHandle, failed: str = "") -> None:
    """End the run as a scheduler does."""
    with run.shard.store() as at:
        scheduler = SchedulerStore(at.link, at.keys.namespace, "s")
        scheduler.term = scheduler.acquire_lease(60_000).term or scheduler.term
        state = "failed" if failed else "succeeded"
        scheduler.apply("", ["finish", "r1", state, failed, "failed=1"])


def failing(run: RunHandle) -> None:
    """Two items of ``parse`` have failed, and so has ``parse``."""
    records = expanded(4) | {parse_item(0): OVER, parse_item(1): FAILED, parse_item(2): FAILED}
    records |= {parse_item(3): "C0,,0,,25,", 1: "F0,,0,,30,,4", 2: "U0,,0,,30,", 3: "U0,,0,,30,"}
    errors = {parse_item(1): "bad row", parse_item(2): "worse"}
    write(run, records, errors=errors, labels=LABELS)


def resumed(run: RunHandle) -> str:
    with run.shard.store() as at:
        return at.link.call("HGET", at.keys.run("r1"), "resuming").decode()


# -- retry and resume ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "numbers"),
    [
        (None, [parse_item(1), parse_item(2)]),
        ("parse", [parse_item(1), parse_item(2)]),
        ("parse[2]", [parse_item(2)]),
    ],
)
def test_a_retry_of_a_mapped_task_means_its_failed_items(
    run: RunHandle, named: str | None, numbers: list[int]
) -> None:
    failing(run)
    end(run, str(parse_item(1)))
    done = run.retry(named)
    assert done.resumed
    assert list(done.tasks) == [f"parse[{(number - 4) // 2}]" for number in numbers]
    assert resumed(run) == "from " + " ".join(map(str, numbers))


def test_only_an_item_that_failed_is_retried(run: RunHandle) -> None:
    failing(run)
    end(run, str(parse_item(1)))
    with pytest.raises(TaskNotFailed, match=r"'parse\[0\]' of run 'r1' has succeeded"):
        run.retry("parse[0]")
    with pytest.raises(TaskNotFailed, match="'store' of run 'r1' did not run"):
        run.retry("store")
    with pytest.raises(TaskNotFoundError, match=r"'parse' has 4, from"):
        run.retry("parse[4]")


def test_a_mapped_task_that_could_not_be_mapped_is_retried_itself(run: RunHandle) -> None:
    write(run, {0: f"{OVER},!str", 1: "F0,,0,,30,"}, errors={1: "over a str"})
    end(run, "1")
    assert run.retry().tasks == ("parse",)


def test_items_that_wait_become_due(run: RunHandle) -> None:
    write(run, expanded() | {parse_item(0): WAITS, parse_item(1): OVER, parse_item(2): WAITS})
    with run.shard.store() as at:
        for index in (0, 2):
            at.link.call("ZADD", at.keys.delayed(), 9e14, f"default|5|r1,{parse_item(index)},1")
    assert run.retry("parse").tasks == ("parse[0]", "parse[2]")
    write(run, {parse_item(1): FAILED})
    with pytest.raises(RunNotOver, match=r"'parse\[1\]' of run 'r1' has failed for good"):
        run.retry("parse[1]")


def test_a_resume_names_items_by_their_numbers(run: RunHandle) -> None:
    write(run, finished())
    end(run)
    run.resume(["parse[2]", "store"])
    assert resumed(run) == f"from {parse_item(2)} 2"


# -- history and logs ------------------------------------------------------------------------------


def test_the_history_of_a_run_has_one_event_for_items_that_succeeded(run: RunHandle) -> None:
    write(run, finished(3) | {parse_item(1): FAILED}, errors={parse_item(1): "bad row"})
    events = run.history()
    mapped = [event for event in events if event.what is HistoryKind.MAPPED]
    assert [str(event) for event in mapped] == [
        "parse succeeded with 3 items: 2 succeeded, 1 failed",
        "store succeeded with 3 items: 3 succeeded",
    ]
    assert mapped[0].items == {"succeeded": 2, "failed": 1}
    attempts = [event.task for event in events if event.what is HistoryKind.ATTEMPT]
    assert sorted(filter(None, attempts)) == ["files", "merge", "parse[1]"]


def test_the_history_of_a_mapped_task_has_all_its_items(run: RunHandle) -> None:
    write(run, finished(3))
    of_task = [event.task for event in run.history("parse") if event.task]
    assert sorted(of_task) == ["parse", "parse[0]", "parse[1]", "parse[2]"]
    assert [event.task for event in run.history("parse[1]") if event.task] == ["parse[1]"]


def test_the_history_says_why_a_task_could_not_be_mapped(run: RunHandle) -> None:
    write(run, {0: f"{OVER},!str", 1: "F0,,0,,30,"}, errors={1: "over a str"})
    (mapped,) = [event for event in run.history() if event.what is HistoryKind.MAPPED]
    assert str(mapped) == "parse failed: ValueError: over a str"


# -- dead letters ----------------------------------------------------------------------------------


def letters(client: Client, **options: bool) -> list[tuple[str, str, int]]:
    return [(item.task, item.label, item.others) for item in client.dead_letters(**options)]


@pytest.mark.promise("map-18")
def test_dead_letters_of_items_fold_to_one_and_unfold() -> None:
    with submitted() as (client, run):
        failing(run)
        with run.shard.store() as at:
            for index, when in ((1, 1000), (2, 900)):
                at.link.call("ZADD", at.keys.dead(), when, f"r1,{parse_item(index)}")
        assert letters(client) == [("parse[1]", "file b", 0), ("parse[2]", "", 0)]
        assert letters(client, fold=True) == [("parse[1]", "file b", 1)]
        opened = client.dead_letter("r1", "parse[1]")
        assert (opened.letter.error_message, opened.letter.label) == ("bad row", "file b")
        assert opened.inputs == {}, "it got an element of the list of files"
        end(run, str(parse_item(1)))
        client.retry_dead("r1", "parse")
        assert resumed(run) == f"from {parse_item(1)} {parse_item(2)}"


def test_an_item_behind_an_item_names_what_it_got() -> None:
    with submitted() as (client, run):
        write(run, finished() | {store_item(1): FAILED}, results={parse_item(1): "four"})
        assert client.dead_letter("r1", "store[1]").inputs == {"parse[1]": 5}


# -- explanations ----------------------------------------------------------------------------------


def test_an_explanation_of_an_item_and_of_its_task(run: RunHandle) -> None:
    failing(run)
    end(run, str(parse_item(1)))
    assert "'parse[1] (file b)' failed" in run.explain("parse").sentence
    assert "ValueError: worse" in run.explain("parse[2]").sentence
    assert "was cancelled, since 'parse[1] (file b)' failed" in run.explain("parse[3]").sentence
    failure = run.explain().failure
    assert failure is not None
    assert (failure.task, failure.label, failure.failed) == ("parse[1]", "file b", 2)
    assert failure.error == "ValueError: bad row"
    assert "It began with task 'parse[1] (file b)', which" in run.explain().sentence


def test_names_of_items_are_completed(run: RunHandle) -> None:
    write(run, expanded(12))
    assert run.names("pa") == ["parse"]
    assert run.names("parse[1") == ["parse[1]", "parse[10]", "parse[11]"]
    assert run.names("merge[") == []
