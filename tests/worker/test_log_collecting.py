"""From the pipe of a child to calls of Redis: records, bounds, and what is sent when."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.context import enter_attempt, leave_attempt
from flowkit.daemon.outage import OutageLog
from flowkit.events.event import Event
from flowkit.exceptions import RedisUnavailable
from flowkit.protocol.log_store import NewChunk
from flowkit.worker import log_backlog, log_collector, output_pipe
from flowkit.worker.attempt_log import CHUNK_BYTES, MOST_SMALL, AttemptLog, Place
from flowkit.worker.config import WorkerConfig
from flowkit.worker.log_backlog import Backlog
from flowkit.worker.log_collector import MANY_QUICK_DEATHS, LogCollector
from flowkit.worker.log_frames import FrameReader, GarbledOutput
from flowkit.worker.log_sender import LogSender
from flowkit.worker.output_pipe import MAX_RECORD, OutputPipe, new_pipe

LANES = ("W.0", "W.0a")
WHO = ("r1", "load", 1)
PLACE = Place("r1", 3, 1, "W.0")


@dataclass
class Pipe:
    """Both ends of a pipe, and what reads it."""

    backlog: Backlog = field(default_factory=lambda: Backlog(2**20))

    def __post_init__(self) -> None:
        self.reader, writer = new_pipe()
        self.output = OutputPipe(writer)
        self.writer = writer
        self.frames = FrameReader(LANES, self.backlog.log_of)

    def raw(self) -> bytes:
        try:
            return os.read(self.reader, 2**20)
        except BlockingIOError:
            return b""

    def read(self) -> list[bytes]:
        """Read the pipe; return all records of the attempt, without their times."""
        with self.backlog.adding():
            self.frames.feed(self.raw())
        return records(self.backlog.log_of(PLACE))

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


def records(log: AttemptLog) -> list[bytes]:
    data = b"".join(bytes(chunk.data) for chunk in log.pending)
    return [line[14:] for line in data.split(b"\n")[:-1]]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    token = enter_attempt(*WHO, {}, "life", 3, "W.0")
    pipe = Pipe()
    yield pipe
    pipe.close()
    leave_attempt(token)


# -- records ---------------------------------------------------------------------------------------


def test_lines_become_records_of_their_attempt(pipe: Pipe) -> None:
    pipe.output.add(WHO, 20, "stdout", "one")
    pipe.output.add(WHO, 40, "log", "two\nlines")
    pipe.output.add(WHO, 5000, "stderr", "")
    assert pipe.read() == [b"20o one", b"40l two\xfflines", b"99e "]
    assert not pipe.backlog.log_of(PLACE).is_over
    pipe.output.end(WHO)
    pipe.read()
    assert pipe.backlog.log_of(PLACE).is_over


@given(st.text(max_size=9000), st.sampled_from(["stdout", "log"]))
def test_any_text_arrives_whole(text: str, stream: str) -> None:
    """Also one that is longer than a record, which is cut between characters."""
    token = enter_attempt(*WHO, {}, "life", 3, "W.0")
    pipe = Pipe()
    try:
        pipe.output.add(WHO, 20, stream, text)
        raw = pipe.raw()
        assert all(len(line) <= MAX_RECORD for line in raw.splitlines(keepends=True))
        with pipe.backlog.adding():
            pipe.frames.feed(raw)
        parts = records(pipe.backlog.log_of(PLACE))
        assert [part[2:3].isupper() for part in parts] == [n > 0 for n in range(len(parts))]
        for part in parts:
            part.replace(b"\xff", b"\n").decode()
        joined = b"".join(part[4:] for part in parts).replace(b"\xff", b"\n")
        assert joined == text.encode("utf-8", "backslashreplace")
    finally:
        pipe.close()
        leave_attempt(token)


def test_an_attempt_without_a_place_writes_nothing(pipe: Pipe) -> None:
    pipe.output.add(("r1", "other", 1), 20, "stdout", "one")
    assert pipe.raw() == b""


@pytest.mark.parametrize(
    "garbage",
    [
        b"nonsense\n",
        b"L1 1764508800123 20o not announced\n",
        b"A1 r1,3,1,X.0\n",
        b"A1 r1:tasks,3,1,W.0\n",
        b"A1 r1,03,1,W.0\n",
        b"A1 r1,3,1,W.0\nL1 17645088 20o short time\n",
        b"A1 r1,3,1,W.0\nL1 1764508800123 20x stream\n",
        b"A1 r1,3,1,W.0\nD1 many\n",
        b"A1 r1,3,1,W.0\nX1 unknown\n",
        b"\x00" * (MAX_RECORD + 1),
        b"A1 r1,3,1,W.0\nD1 " + b"0" * 10 + b"1\n",
        b"A1 r1,3,1,W.0\nD1 " + b"9" * 5000 + b"\n",
        b"A1 r1,3,1,W.0\nL1 1764508800123 20o " + b"x" * (MAX_RECORD + 1) + b"\n",
    ],
)
def test_garbage_is_noticed(garbage: bytes, pipe: Pipe) -> None:
    with pytest.raises(GarbledOutput):
        pipe.frames.feed(garbage)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_bytes_raise_anything_else(data: bytes, cut: int) -> None:
    backlog = Backlog(2**20)
    frames = FrameReader(LANES, backlog.log_of)
    try:
        for part in (data[:cut], data[cut:]):
            frames.feed(part)
    except GarbledOutput:
        pass


def test_a_pipe_without_a_reader_holds_a_task_up_once(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then lines are dropped and counted until there is room again."""
    monkeypatch.setattr(output_pipe, "WAIT_S", 0.01)
    for _ in range(3000):
        pipe.output.add(WHO, 20, "stdout", "x" * 1000)
    kept = len(pipe.read())
    assert kept < 3000
    pipe.output.add(WHO, 20, "stdout", "after")
    pipe.read()
    last = pipe.backlog.log_of(PLACE).pending[-1]
    assert last.first + last.count - 1 == 3001


def test_another_collector_continues_where_the_first_one_was(pipe: Pipe) -> None:
    pipe.output.add(WHO, 20, "stdout", "read by the first")
    pipe.read()
    pipe.backlog = Backlog(2**20, generation=1)
    pipe.frames = FrameReader(LANES, pipe.backlog.log_of, from_start=False)
    pipe.output.add(WHO, 20, "stdout", "before it is announced")
    pipe.output.announce_again()
    pipe.output.add(WHO, 20, "stdout", "after")
    assert pipe.read() == [b"20o before it is announced", b"20o after"]


def test_an_attempt_that_ends_before_another_collector_starts_keeps_its_lines(pipe: Pipe) -> None:
    pipe.output.add(WHO, 20, "stdout", "read by the first")
    pipe.read()
    pipe.backlog = Backlog(2**20, generation=1)
    pipe.frames = FrameReader(LANES, pipe.backlog.log_of, from_start=False)
    pipe.output.add(WHO, 20, "stdout", "the last line")
    pipe.output.end(WHO)
    pipe.output.announce_again()
    assert pipe.read() == [b"20o the last line"]
    assert pipe.backlog.log_of(PLACE).is_over


# -- bounds ----------------------------------------------------------------------------------------


def line(number: int, size: int = 100) -> bytes:
    return b"1764508800123 20o " + f"{number:0{size - 19}d}\n".encode()


def numbers(log: AttemptLog) -> list[int]:
    return [int(text.split()[-1]) for text in records(log)]


@given(st.lists(st.integers(1, 400), max_size=30), st.integers(1, 50))
def test_the_head_and_the_newest_lines_are_kept(sizes: list[int], take_every: int) -> None:
    """Whatever is sent in between, what is pending and stored fits the bound and has one gap."""
    log, stored, number = AttemptLog(PLACE, 20_000), {}, 0
    for step, count in enumerate(sizes):
        log.add(b"".join(line(number + n) for n in range(count)))
        number += count
        if step % take_every == 0:
            gone = [name for name, _ in log.take_gone(1000)]
            for chunk in log.take(2**20):
                name = f"{step}-{chunk.first}"
                stored[name] = chunk
                log.stored(chunk, name)
            for name in gone:
                del stored[name]
    for name, _ in log.take_gone(1000):
        del stored[name]
    chunks = sorted([*stored.values(), *log.pending], key=lambda chunk: chunk.first)
    kept = [first for chunk in chunks for first in range(chunk.first, chunk.first + chunk.count)]
    assert kept == sorted(set(kept))
    assert sum(len(chunk.data) for chunk in chunks) <= 2 * 20_000
    gaps = sum(1 for before, after in zip([0, *kept], kept, strict=False) if after > before + 1)
    assert gaps <= 1
    if number:
        assert (kept[0], kept[-1]) == (1, number)


def test_chunks_are_cut_between_lines_and_before_their_continuation() -> None:
    log = AttemptLog(PLACE, 2**20)
    long = b"1764508800123 20o " + b"x" * 30_000 + b"\n"
    more = b"1764508800123 20O " + b"y" * 10_000 + b"\n"
    log.add(long + long + more)
    assert [chunk.count for chunk in log.pending] == [1, 2]
    assert 2 * len(long) < CHUNK_BYTES


def test_a_record_that_is_longer_than_a_chunk_is_one() -> None:
    log = AttemptLog(PLACE, 8 * 2000)
    log.add(line(1, 5000) + line(2, 5000))
    assert [chunk.count for chunk in log.pending] == [1, 1]


def test_attempts_without_end_use_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task can write the name of any attempt, and Redis may be away."""
    monkeypatch.setattr(log_backlog, "MOST_ATTEMPTS", 10)
    backlog = Backlog(2**20)
    for number in range(1, 101):
        with backlog.adding():
            backlog.log_of(Place("r1", 3, number, "W.0")).add(line(1))
    batch = backlog.next_batch(everything=True)
    assert batch is not None
    assert [log.place.attempt for log, _, _ in batch.parts] == list(range(91, 101))


def test_lines_between_gaps_do_not_make_many_small_chunks() -> None:
    """A task that writes such records itself would keep the collector busy for minutes."""
    log = AttemptLog(PLACE, 10_000)
    for number in range(2000):
        log.skip(1)
        log.add(line(number))
    assert len(log.pending) == MOST_SMALL + 1
    log.take(2**20)
    log.skip(1)
    log.add(line(2000))
    assert [(chunk.first, chunk.count) for chunk in log.pending] == [(4002, 1)]


def test_a_call_has_a_bounded_number_of_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_backlog, "MOST_CHUNKS", 15)
    backlog = Backlog(2**20)
    with backlog.adding():
        for task in range(4):
            log = backlog.log_of(Place("r1", task, 1, "W.0"))
            for number in range(10):
                log.skip(1)
                log.add(line(number))
    sizes = []
    while (batch := backlog.next_batch(everything=True)) is not None:
        sizes.append(len(batch.new_chunks()))
    assert sizes == [15, 15, 10]


def test_all_attempts_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_backlog, "MOST_BYTES", 50_000)
    backlog = Backlog(2**20)
    small, large = backlog.log_of(PLACE), backlog.log_of(Place("r2", 0, 1, "W.0"))
    with backlog.adding():
        small.add(line(1))
        large.add(b"".join(line(n) for n in range(600)))
    assert (small.pending_bytes, large.pending_bytes) == (100, 0)
    with backlog.adding():
        large.add(line(600))
    assert large.pending[0].first == 601


# -- sending ---------------------------------------------------------------------------------------


class Store:
    """Stands for Redis: notes what is sent, and fails if told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, int, list[NewChunk]]] = []
        self.is_away = False
        self.refused = False

    def append_logs(
        self, run: str, lane: str, call: int, chunks: list[NewChunk], **options: object
    ) -> list[str] | None:
        if self.is_away:
            raise RedisUnavailable("away")
        self.sent.append((run, lane, call, chunks))
        return None if self.refused else [f"{call}-{n}" for n in range(len(chunks))]


class Silent:
    def hear(self, event: Event) -> None:
        pass

    def wants(self, kind: type[Event]) -> bool:
        return False


@dataclass
class Sending:
    now: float = 0.0
    acknowledged: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store()
        self.backlog = Backlog(2**20, monotonic=lambda: self.now)
        self.sender = LogSender(
            self.store,  # type: ignore[arg-type]
            self.backlog,
            OutageLog(Silent(), lambda: "W"),
            run_bytes=10**6,
            acknowledge=self.acknowledged.append,
        )
        self.sender._rest = lambda: None  # type: ignore[method-assign]

    def add(self, place: Place = PLACE, count: int = 1) -> AttemptLog:
        with self.backlog.adding():
            log = self.backlog.log_of(place)
            log.add(b"".join(line(n) for n in range(count)))
        return log


def test_lines_wait_for_others_unless_their_attempt_is_over() -> None:
    item = Sending()
    log = item.add()
    item.sender.run_once()
    assert item.store.sent == []
    item.now += log_backlog.EVERY_S
    item.sender.run_once()
    assert [call for _, _, call, _ in item.store.sent] == [1]
    item.add()
    log.is_over = True
    item.sender.run_once()
    assert [chunk.first for _, _, _, chunks in item.store.sent for chunk in chunks] == [1, 2]


def test_a_call_that_failed_is_repeated_as_it_was() -> None:
    item = Sending()
    item.add()
    item.store.is_away = True
    assert not item.sender.run_once(everything=True)
    item.add()
    item.store.is_away = False
    assert item.sender.run_once(everything=True)
    assert [(call, chunks[0].first, len(chunks)) for _, _, call, chunks in item.store.sent] == [
        (1, 1, 1),
        (2, 2, 1),
    ]


def test_what_is_left_at_the_end_survives_a_broken_connection() -> None:
    """The worker was killed, and just then its collector's call failed once."""
    item = Sending()
    item.add()
    item.store.is_away = True
    item.sender._rest = lambda: setattr(item.store, "is_away", False)  # type: ignore[method-assign]
    item.sender.close()
    item.sender.run()
    assert [(call, chunks[0].first) for _, _, call, chunks in item.store.sent] == [(1, 1)]


def test_a_call_that_failed_is_repeated_soon_without_other_lines() -> None:
    """After an outage, the only lines waited up to a minute: they were in no backlog any more."""
    item = Sending()
    item.add()
    item.store.is_away = True
    item.sender.run_once(everything=True)
    waits: list[float] = []

    def wait(longest: float) -> None:
        waits.append(longest)
        item.store.is_away = False
        item.sender.close()

    item.backlog.wait = wait  # type: ignore[method-assign]
    item.sender.run()
    assert waits == [0.0]
    assert len(item.store.sent) == 1


def test_runs_and_lanes_have_separate_calls() -> None:
    item = Sending()
    for run in ("r1", "r2"):
        for lane in LANES:
            item.add(Place(run, 0, 1, lane))
    item.sender.run_once(everything=True)
    assert {(run, lane) for run, lane, _, _ in item.store.sent} == {
        (run, lane) for run in ("r1", "r2") for lane in LANES
    }


def test_lines_of_a_run_that_is_gone_are_dropped() -> None:
    item = Sending()
    log = item.add()
    item.store.refused = True
    item.sender.run_once(everything=True)
    item.add()
    item.sender.run_once(everything=True)
    assert len(item.store.sent) == 1
    assert log.pending_bytes == 0


@pytest.mark.parametrize("is_away", [True, False])
def test_a_death_is_acknowledged_when_its_lines_are_sent_or_cannot_be(*, is_away: bool) -> None:
    item = Sending()
    item.add()
    item.store.is_away = is_away
    item.sender.flush(LANES)
    assert item.acknowledged == []
    item.sender.run_once()
    assert item.acknowledged == ["W.0"]
    assert len(item.store.sent) == (0 if is_away else 1)


def test_the_grammar_of_a_record_is_the_documented_one() -> None:
    assert re.fullmatch(rb"[0-9]{13} [0-9]{2}[oelpOELP] [^\n]*\n", line(7))


class Heard(Silent):
    def __init__(self) -> None:
        self.events: list[Event] = []

    def hear(self, event: Event) -> None:
        self.events.append(event)


def test_a_collector_that_always_dies_is_replaced_after_longer_and_longer_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log says once that what tasks print is no longer kept. Programs do not wait for ever."""
    monkeypatch.setattr(log_collector, "PAUSE_S", 0.001)
    started: list[subprocess.Popen[bytes]] = []

    def dies_at_once() -> int:
        started.append(subprocess.Popen(["true"]))
        return started[-1].pid

    monkeypatch.setattr(log_collector.os, "fork", dies_at_once)
    heard = Heard()
    config = WorkerConfig(("app.py",), "redis://127.0.0.1:1/0", "n")
    collector = LogCollector(config, lambda: None, heard)
    deadline = time.monotonic() + 10
    while len(started) < 2 * MANY_QUICK_DEATHS and time.monotonic() < deadline:
        collector.check()
    assert len(started) == 2 * MANY_QUICK_DEATHS
    assert [event.message() for event in heard.events] == [
        "What tasks print is no longer kept: the log collector died 3 times in a row. It is "
        "started again every 5 s"
    ]
    collector.close()
    for process in started:
        process.wait()
