"""At the end of an attempt, what its programs wrote is marked; quick silent ones cost nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from flowkit.worker import program_output
from flowkit.worker.program_output import MANY, ProgramOutput


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, ProgramOutput]]:
    """The read end of the pipe, and its writer; the descriptors 1 and 2 stay as they are."""
    monkeypatch.setattr(program_output, "divert", lambda pipe: None)
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    programs = ProgramOutput(writer, "token")
    yield reader, programs
    for descriptor in (reader, writer, programs._pipe):
        os.close(descriptor)


def end(programs: ProgramOutput, *, is_quick: bool = False) -> None:
    claim: Any = "r1,0,1"
    if not is_quick or programs.asks_about_quick:
        programs.end(claim, str)


def unread(reader: int) -> bytes:
    try:
        return os.read(reader, 4096)
    except BlockingIOError:
        return b""


def test_what_was_written_is_marked(pipe: tuple[int, ProgramOutput]) -> None:
    reader, programs = pipe
    os.write(programs._pipe, b"hello\n")
    end(programs, is_quick=True)
    assert unread(reader) == b"hello\n\0token r1,0,1\0"
    end(programs)
    assert unread(reader) == b""


def test_after_many_silent_quick_attempts_only_a_batch_is_asked_about(
    pipe: tuple[int, ProgramOutput],
) -> None:
    reader, programs = pipe
    for _ in range(MANY):
        end(programs, is_quick=True)
    os.write(programs._pipe, b"late\n")
    end(programs, is_quick=True)
    assert unread(reader) == b"late\n", "the mark is left to the end of the batch"
    os.write(programs._pipe, b"more\n")
    end(programs)
    assert unread(reader) == b"more\n\0token r1,0,1\0"
    os.write(programs._pipe, b"again\n")
    end(programs, is_quick=True)
    assert unread(reader).endswith(b"\0token r1,0,1\0"), "what writes is asked about again"
