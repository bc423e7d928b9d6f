"""Damaged data of mapped tasks ends at most their run, with a sentence that says what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from whole_run import Lane, WholeRun

from flowkit import DAG, task
from flowkit.exceptions import RedisUnavailable
from flowkit.protocol import graphs

Runs = Callable[..., WholeRun]
KEY = b"k" * 32
CALLS: list[Any] = []
SEVERAL = 450  # times the largest number of elements is more than 32 bits hold


@pytest.fixture
def start(whole_runs: Runs) -> Runs:
    CALLS.clear()

    def start(dag: DAG | None = None, **options: Any) -> WholeRun:
        if dag is None:
            with DAG("damaged") as dag:
                numbers >> double.map(label="n {item}") >> collect
        return whole_runs(dag, **options)

    return start


@task
def numbers() -> list[int]:
    CALLS.append("numbers")
    return [1, 2, 3]


@task
def double(number: int) -> int:
    CALLS.append(number)
    return 2 * number


@task
def several() -> list[int]:
    return list(range(SEVERAL))


@task
def listed(number: int) -> list[int]:
    return [number]


@task
def collect(found: list[int]) -> list[int]:
    return found


@task
def all_there(found: list[int], numbers: list[int]) -> int:
    if len(found) != len(numbers):
        raise ValueError(f"{len(found)} of {len(numbers)} items are there")
    return sum(found)


def expanded(start: Runs, **options: Any) -> WholeRun:
    """A run whose list is stored, and of which no item has started."""
    run = start(**options)
    run.turn()
    assert run.states() == {"numbers": "succeeded", **{f"double[{n}]": "queued" for n in range(3)}}
    return run


def sentence_of(run: WholeRun) -> str:
    """The error of the item that failed first."""
    failed = [name for name, state in run.states().items() if state == "failed"]
    return str(run.error(next(name for name in failed if name.startswith("double["))))


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ("", "the record of task 'numbers' lacks its number of items"),
        ("x/y", "the record of task 'numbers' lacks its number of items"),
        ("3", "the record of task 'numbers' names no stored elements"),
        ("!str", "the record of task 'numbers' names no stored elements"),
        ("0/512", "'numbers' has returned no element"),
        ("9/512", "block 0 of the elements of 'numbers' is damaged"),
        ("3/2", "block 0 of the elements of 'numbers' is damaged"),
    ],
)
def test_a_damaged_number_of_elements(start: Runs, items: str, words: str) -> None:
    run = expanded(start)
    assert run.link.call("HGET", run.keys.tasks(run.run), 0).endswith(b",3/512")
    run.damage("numbers", **{"3/512": items})
    assert run.finish() == "failed"
    assert words in sentence_of(run)
    assert CALLS == ["numbers"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "block 0 of the elements of 'numbers' is damaged"),
        (b"\xff" * 50, "block 0 of the elements of 'numbers' is damaged"),
        (b"\x93\x01\x01\x01ab", "block 0 of the elements of 'numbers' is damaged"),
        (b"\x93\x01\x01\x01\xc1\xc1\xc1", "The stored value cannot be read"),
        (None, "elements of the result of task 'numbers' in run 'r1' are missing in Redis"),
    ],
)
def test_a_damaged_block(start: Runs, data: bytes | None, words: str) -> None:
    run = expanded(start)
    key = run.keys.inputs(run.run)
    if data is None:
        run.link.call("DEL", key)
    else:
        run.link.call("HSET", key, "0.0", data)
    assert run.finish() == "failed"
    assert words in sentence_of(run)
    assert CALLS == ["numbers"]


def test_a_key_of_another_kind(start: Runs) -> None:
    run = start()
    run.link.call("SET", run.keys.inputs(run.run), "text")
    assert run.finish() == "failed"
    assert "WRONGTYPE" in sentence_of(run)
    run.link.call("DEL", run.keys.inputs(run.run))  # which the schema refuses


def test_a_mapped_task_without_its_number_of_items(start: Runs) -> None:
    run = expanded(start)
    while "collect" not in run.states():
        run.turn()
    record = run.link.call("HGET", run.keys.tasks(run.run), 1).decode()
    assert record.endswith(",3")
    run.damage("double", record[:-2])
    assert run.finish() == "failed"
    assert "the record of task 'double' lacks its number of items" in str(run.error("collect"))


@pytest.mark.parametrize("items", ["", "x", "99999999/1"])
def test_a_scheduler_that_takes_over_ends_the_run(start: Runs, items: str) -> None:
    run = expanded(start)
    run.damage("numbers", **{"3/512": items})
    run.takeover()
    assert run.state == "failed"
    (broken,) = run.heard.named("RunBroken")
    assert broken.error_message == (  # type: ignore[attr-defined]
        "the record of task 'numbers' lacks the number of elements of its result"
    )


def test_the_record_of_an_item_that_does_not_exist(start: Runs) -> None:
    run = expanded(start)
    run.damage("double[7]", "S1,W.0,0,0,0")
    run.takeover()
    assert run.state == "failed"
    (broken,) = run.heard.named("RunBroken")
    assert "there is no item 7 of task 'double'" in broken.error_message  # type: ignore[attr-defined]


def test_the_record_of_an_item_that_no_longer_exists_is_ignored(start: Runs) -> None:
    """A resume has reset it, and then the list was shorter."""
    run = expanded(start)
    run.damage("double[7]", "P1,,0,,")
    run.takeover()
    assert run.finish() == "succeeded"


@pytest.mark.parametrize(
    "fact", ["0=", "0=x", "0=-1", "0=12345678", "0=1=2", "=1", "0=!x", "99", "5"]
)
def test_a_damaged_fact_changes_nothing(start: Runs, fact: str) -> None:
    run = start()
    run.link.call("XADD", run.keys.events(), "*", "S", f"r1 {fact}")
    run.schedule()
    assert run.link.call("LLEN", run.keys.quarantine()) == 1
    assert run.finish() == "succeeded"
    assert run.result("collect") == [2, 4, 6]


def test_a_damaged_label_is_shown_as_it_is(start: Runs) -> None:
    run = start()
    run.finish()
    run.link.call("HSET", run.keys.inputs(run.run), f"{run.number('double[0]')}=", b"\xff" * 5000)
    assert run.label("double[0]") == "\ufffd" * 200


def test_a_label_that_cannot_be_read_fails_no_item(start: Runs) -> None:
    """Only log lines need the label of the item before."""
    with DAG("behind") as dag:
        numbers >> double.map(label="n {item}") >> double.map(name="behind") >> collect
    run = start(dag=dag)
    while "behind[2]" not in run.states():
        run.turn(limit=1)
    lane = Lane(run, "V")
    run.link.call("SET", run.keys.inputs(run.run), "no hash")
    while lane.work():
        run.schedule()
    assert run.states()["behind[2]"] == "succeeded"
    names = {event.task_name for event in run.heard.named("TaskSucceeded")}  # type: ignore[attr-defined]
    assert "behind[2]" in names
    run.link.call("DEL", run.keys.inputs(run.run))


def test_more_elements_in_all_lists_than_any_run_has(start: Runs) -> None:
    """The scheduler has read honest numbers before."""
    with DAG("flattened") as dag:
        several >> listed.map() >> double.map(flatten=True) >> collect
    run = start(dag=dag)
    while "double[0]" not in run.states():
        run.turn()
    for index in range(SEVERAL):
        run.damage(f"listed[{index}]", **{"1/512": "9999999/512"})
    assert run.finish() == "failed"
    assert "is damaged" in sentence_of(run)


class TestSigned:
    def test_elements_of_another_place(self, start: Runs) -> None:
        run = expanded(start, keys=[KEY])
        block = run.inputs()["0.0"]
        run.link.call("HSET", run.keys.inputs(run.run), "0.0", block[:-1] + b"\x09")
        assert run.finish() == "failed"
        assert "invalid signature" in sentence_of(run)

    def test_elements_without_a_signature(self, start: Runs) -> None:
        run = expanded(start, keys=[KEY])
        run.link.call("HSET", run.keys.inputs(run.run), "0.0", b"\x93\x01\x01\x01abc")
        assert run.finish() == "failed"
        assert "has no signature" in sentence_of(run)

    def test_a_number_of_elements_that_was_changed(self, start: Runs) -> None:
        run = expanded(start, keys=[KEY])
        run.damage("numbers", **{"3/512": "3/511"})
        assert run.finish() == "failed"
        assert "invalid signature" in sentence_of(run)

    def test_hidden_items_are_missed_by_a_task_that_takes_the_list_too(self, start: Runs) -> None:
        """The number of items is not signed; the list is, so its length can be compared."""
        with DAG("damaged") as dag:
            numbers >> double.map() >> all_there
            numbers >> all_there
        run = start(dag=dag, keys=[KEY])
        while run.states().get("double") != "succeeded":
            run.turn()
        run.damage("double", **{",3": ",2"})
        assert run.finish() == "failed"
        assert "2 of 3" in str(run.error("all_there"))


class TestOutages:
    @pytest.mark.parametrize("where", ["store_items", "complete"])
    def test_an_outage_before_the_outcome_runs_nothing_again(
        self, start: Runs, where: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = start()
        run.schedule()
        store, calls = run.lane.store, []
        sent = getattr(store, where)

        def failing(*args: Any) -> Any:
            calls.append(args)
            if len(calls) < 4 and (where == "store_items" or args[1]):
                raise RedisUnavailable("away")
            return sent(*args)

        monkeypatch.setattr(store, where, failing)
        for _ in range(3):
            try:
                run.lane.work()
            except RedisUnavailable:
                continue
        monkeypatch.undo()
        run.lane.mailbox.flush()
        assert run.finish() == "succeeded"
        assert CALLS == ["numbers", 1, 2, 3]
        assert run.record("numbers").attempt == 1

    def test_a_worker_that_was_reaped_stores_nothing(self, start: Runs) -> None:
        run = start()
        run.schedule()
        kept: list[Any] = []
        run.lane.on_outcome = kept.append
        run.lane.work()
        before = run.inputs()
        (outcome,) = kept
        assert outcome.blocks
        assert not run.lane.store.store_items("W.0", outcome)
        assert run.inputs() == before


class TestOlderReleases:
    """A release that knows no maps sees one more property of the DAG than it knows."""

    def test_a_scheduler_ends_the_run(self, start: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(graphs, "_FIELDS", graphs._FIELDS - 1)
        run = start()
        run.schedule()
        assert run.state == "failed"
        (broken,) = run.heard.named("RunBroken")
        assert "upgrade flowkit here" in broken.error_message  # type: ignore[attr-defined]

    def test_a_worker_fails_the_attempt(self, start: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
        run = start()
        run.schedule()
        monkeypatch.setattr(graphs, "_FIELDS", graphs._FIELDS - 1)
        run.lane.work()
        assert "upgrade flowkit here" in str(run.error("numbers"))
        monkeypatch.undo()
        assert run.finish() == "failed"
        assert CALLS == []
