"""Lines of the log stay whole, however many threads write at once."""

from __future__ import annotations

import json
import os
import sys
import threading

import pytest

from flowkit.logging import FlowkitLogger


class PieceByPiece:
    """Writes a line in pieces, each of which lets other threads in."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> None:
        data = text.encode()
        for start in range(0, len(data), 16):
            os.write(self.descriptor, data[start : start + 16])

    def flush(self) -> None: ...


@pytest.mark.promise("logging-9")
def test_lines_of_many_threads_through_one_pipe_never_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdout", PieceByPiece(writing))
    start = threading.Barrier(8)

    def write(thread: int) -> None:
        log = FlowkitLogger(f"test.threads{thread % 2}", json_output=True)
        start.wait()
        for number in range(100):
            log.log_task_start(f"task-{thread}", number=number)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(8)]
    lines: list[str] = []

    def read() -> None:
        with open(reading, encoding="utf-8") as pipe:
            lines.extend(pipe)

    reader = threading.Thread(target=read)
    for thread in (reader, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    os.close(writing)
    reader.join()
    seen = [(line["task_name"], line["number"]) for line in map(json.loads, lines)]
    assert sorted(seen) == sorted((f"task-{t}", n) for t in range(8) for n in range(100))
