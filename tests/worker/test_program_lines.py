"""Bytes that programs write become lines of the attempt that executed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.worker.attempt_log import Place
from flowkit.worker.execution_slots import ExecutionSlots
from flowkit.worker.log_backlog import Backlog
from flowkit.worker.program_lines import MOST_LOGGED, ProgramLines

LANES = ("W.0", "W.0a")
FIRST, SECOND = Place("r1", 0, 1, "W.0"), Place("r1", 1, 1, "W.0")


class Programs:
    """The lines of one child, its slots, and a file for what belongs to no attempt."""

    def __init__(self) -> None:
        self.slots = ExecutionSlots(0, in_file=True)
        self.backlog = Backlog(2**20)
        self.reader, self.writer = os.pipe()
        self.logger = logging.Logger("programs")
        self.lines = ProgramLines(
            LANES,
            "c0ffee",
            os.dup(self.slots.descriptor),
            self.backlog.log_of,
            self.logger,
            output=self.writer,
        )

    def feed(self, data: bytes) -> None:
        with self.backlog.adding():
            self.lines.feed(data, self.lines.executing())

    def texts(self, place: Place) -> list[str]:
        data = b"".join(bytes(chunk.data) for chunk in self.backlog.log_of(place).pending)
        return [item[18:].decode() for item in data.split(b"\n")[:-1]]

    def passed_on(self) -> bytes:
        os.set_blocking(self.reader, False)
        try:
            return os.read(self.reader, 65536)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.slots.close()
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def programs() -> Iterator[Programs]:
    item = Programs()
    yield item
    item.close()


def test_bytes_belong_to_the_attempt_that_executes(programs: Programs) -> None:
    programs.feed(b"before\n")
    programs.slots.enter(0, "r1,0,1|||load")
    programs.feed(b"one\ntw")
    programs.feed(b"o\r\nbar 1%\rbar 2%\n\n\xff\xfe\n")
    assert programs.texts(FIRST) == ["one", "two", "bar 2%", "\ufffd\ufffd"]
    assert programs.passed_on() == b"before\n"


def test_a_mark_ends_an_attempt_whose_bytes_were_not_read_in_time(programs: Programs) -> None:
    """When the bytes are read, the next attempt executes already."""
    programs.slots.enter(0, "r1,1,1|||store")
    programs.feed(b"of first\nrest\0c0ffee r1,0,1|||load\0of second\n")
    assert programs.texts(FIRST) == ["of first", "rest"]
    assert programs.texts(SECOND) == ["of second"]
    assert programs.backlog.log_of(FIRST).is_over
    assert not programs.backlog.log_of(SECOND).is_over


@given(st.integers(1, 37))
def test_a_mark_may_arrive_in_parts(cut: int) -> None:
    programs = Programs()
    try:
        data = b"of first\n\0c0ffee r1,0,1|||load\0of second\n"
        programs.slots.enter(0, "r1,1,1")
        for part, executing in ((data[:cut], FIRST), (data[cut:], SECOND)):
            with programs.backlog.adding():
                programs.lines.feed(part, executing)
        assert programs.texts(FIRST) == ["of first"]
        assert programs.texts(SECOND) == ["of second"]
    finally:
        programs.close()


def test_bytes_that_only_look_like_a_mark_are_output(programs: Programs) -> None:
    programs.slots.enter(0, "r1,0,1")
    programs.feed(b"a\0c0ffee nonsense\0b\n\0other r1,1,1\0\n")
    with programs.backlog.adding():
        programs.lines.end()
    assert programs.texts(FIRST) == ["a\0c0ffee nonsense\0b", "\0other r1,1,1\0"]
    assert programs.texts(SECOND) == []


def test_a_line_without_end_is_complete_when_the_child_is_dead(programs: Programs) -> None:
    programs.slots.enter(0, "r1,0,1")
    programs.feed(b"no end")
    assert programs.texts(FIRST) == []
    with programs.backlog.adding():
        programs.lines.end()
    assert programs.texts(FIRST) == ["no end"]


def test_lines_are_dropped_and_counted_while_the_app_filters(programs: Programs) -> None:
    programs.slots.enter(0, "r1,0,1")
    programs.lines.has_filter = True
    programs.feed(b"one\ntwo\n")
    programs.lines.has_filter = False
    programs.feed(b"three\n")
    assert programs.texts(FIRST) == ["three"]
    assert programs.backlog.log_of(FIRST).pending[0].first == 3


def test_the_log_of_the_worker_has_a_bound(programs: Programs) -> None:
    logged: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]
    programs.logger.addHandler(handler)
    programs.slots.enter(0, "r1,0,1|||load")
    programs.feed(b"x\n" * 5000)
    assert len(programs.texts(FIRST)) == 5000
    assert len(logged) == MOST_LOGGED + 1
    assert logged[-1].endswith("flowkit logs r1)")


def test_a_slot_that_user_code_has_overwritten_is_no_attempt(programs: Programs) -> None:
    programs.slots.enter(0, "nonsense")
    programs.feed(b"one\n")
    assert programs.passed_on() == b"one\n"
