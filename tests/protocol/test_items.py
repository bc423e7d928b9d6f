"""Elements of results that are mapped: storing their blocks, and recording how many there are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from environment import Environment, done

from flowkit.core.states import TaskState
from flowkit.protocol import item_store
from flowkit.protocol.items import Items, refused
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import parse_record


def listed(*blocks: bytes, items: Items | None = None, task: int = 0) -> Outcome:
    return replace(done(task), items=items or Items(2 * len(blocks), 2), blocks=blocks)


class TestRecords:
    @pytest.mark.parametrize(
        ("token", "field", "fact"),
        [
            ("0,1,S,#7/3", "7/3", "0=7"),
            ("0,1,H,#7/3", "7/3", "0=7"),
            ("0,1,S,c0,5,#7/3", "7/3", "0=7"),
            ("0,1,S,#!str", "!str", "0=!"),
            ("0,1,S,#0/1", "0/1", "0=0"),
        ],
    )
    def test_the_record_and_the_scheduler_get_the_number(
        self, env: Environment, token: str, field: str, fact: str
    ) -> None:
        env.running(0, 1)
        env.complete(Outcome.decode("r1", token), done(1))
        record = env.records()["0"]
        assert record.startswith("S1,W.0,")
        assert record.endswith(f",0,{field}")
        assert parse_record(record.encode()).items == Items.parse(field)
        assert env.events()[-1] == {"S": f"r1 {fact} 1"}

    def test_a_record_without_the_time_when_it_was_queued(self, env: Environment) -> None:
        """A worker claimed it from an older scheduler, which wrote no such field."""
        env.running(0)
        env.link.call("HSET", env.keys.tasks("r1"), 0, "R1,W.0,0,0,")
        env.complete(replace(done(0), items=Items(7, 3)))
        assert env.records()["0"] == "S1,W.0,0,0,0,,7/3"
        assert parse_record(b"S1,W.0,0,0,0,,7/3").items == Items(7, 3)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "07/3",
            "7/03",
            "7/513",
            "7/0",
            "12345678",
            "!",
            "!a b",
            f"!{'a' * 61}",
            "-1",
            "7/3/1",
        ],
    )
    def test_what_no_release_writes_is_unknown(self, text: str) -> None:
        record = parse_record(f"S1,W.0,0,0,0,0,{text}".encode())
        assert (record.state, record.items) == (TaskState.SUCCEEDED, None)

    def test_the_reason_of_a_waiting_task_is_no_number(self) -> None:
        assert parse_record(b"W1,W.0,0,0,0,0,retry,5").items is None

    def test_the_name_of_a_type_has_only_plain_characters(self) -> None:
        class Odd:
            pass

        Odd.__name__ = "f.<locals>.Odd, é" + "x" * 100
        assert Items.parse(refused(Odd()).text) == refused(Odd())


class TestLabels:
    def test_a_label_is_stored_with_any_outcome(self, env: Environment) -> None:
        env.running(0, 1, 2)
        env.complete(
            replace(done(0), label="day, =1"),
            replace(done(1, "F"), label="é\n"),
            replace(done(2, "W"), label="later"),
        )
        inputs = env.dump()["run:r1:inputs"]
        assert inputs == {"0=": "day, =1", "1=": "é\n", "2=": "later"}
        assert env.dump()["run:r1"]["inputs"] == "1"
        assert env.records()["2"].startswith("W1,")

    def test_without_one_nothing_is_written(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0))
        assert "run:r1:inputs" not in env.dump()
        assert "inputs" not in env.dump()["run:r1"]

    def test_a_late_outcome_stores_none(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0))
        env.complete(replace(done(0, attempt=2), label="late"))
        assert "run:r1:inputs" not in env.dump()


class TestStoring:
    def test_blocks_are_stored_before_the_outcome(self, env: Environment) -> None:
        env.running(0)
        outcome = listed(b"a", b"b", b"c")
        assert env.worker.store_items("W.0", outcome)
        assert env.dump()["run:r1:inputs"] == {"0.0": "a", "0.1": "b", "0.2": "c"}
        assert env.dump()["run:r1"]["inputs"] == "1"
        assert env.worker.read_blocks("r1", [(0, 2), (0, 3), (1, 0)]) == [b"c", None, None]

    def test_only_the_running_attempt_stores(self, env: Environment) -> None:
        env.running(0)
        for late in (
            replace(listed(b"a"), attempt=2),
            replace(listed(b"a"), task=1),
            replace(listed(b"a"), run="other"),
        ):
            assert not env.worker.store_items("W.0", late)
        assert not env.worker.store_items("W.1", listed(b"a"))
        env.complete(done(0))
        assert not env.worker.store_items("W.0", listed(b"a"))
        assert "run:r1:inputs" not in env.dump()

    @pytest.mark.parametrize("bound", ["MOST_BLOCKS", "CALL_BYTES"])
    def test_many_blocks_take_several_calls(
        self, env: Environment, monkeypatch: pytest.MonkeyPatch, bound: str
    ) -> None:
        monkeypatch.setattr(item_store, bound, 2)
        env.running(0)
        calls: list[tuple[object, ...]] = []
        script = env.worker._script

        def counted(name: str, *args: object) -> list[object]:
            calls.append(args)
            return script(name, *args)

        monkeypatch.setattr(env.worker, "_script", counted)
        assert env.worker.store_items("W.0", listed(b"1", b"2", b"3", b"large", b"5"))
        assert max(len(args) for args in calls) <= 4 + 1 + 2
        assert len(calls) == (3 if bound == "MOST_BLOCKS" else 4)
        stored = env.dump()["run:r1:inputs"]
        assert stored == {"0.0": "1", "0.1": "2", "0.2": "3", "0.3": "large", "0.4": "5"}

    def test_no_elements_need_no_call(self, env: Environment) -> None:
        assert env.worker.store_items("W.0", listed())
