"""``python -m tests.fuzz``: bytes that a fuzzer grows by what they reach, in place of Redis' own.

Atheris (``pip install atheris``, CPython 3.11 to 3.13 on Linux) watches which lines each input
reaches and keeps those that reach new ones. Hypothesis, which the suite uses, knows the grammar and
not the code; this knows the code and not the grammar. A reader may answer with a value or with the
one error that it promises; anything else, or more than two seconds or 2 GiB, ends the fuzzer,
which says where it has kept the input.

``python -m tests.fuzz value --seconds 600`` fuzzes one target for ten minutes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

try:
    import atheris as imported
except ImportError:
    imported = None
atheris: ModuleType | None = imported

MOST_BYTES = 4096


def value(data: bytes) -> None:
    """A packed value: parameters, results, metadata."""
    from flowkit.codec.packing import BrokenValue, pack, unpack

    try:
        result = unpack(data)
    except BrokenValue:
        return
    again = unpack(pack(result))
    assert type(again) is type(result)


def record(data: bytes) -> None:
    """A task's record."""
    from flowkit.protocol.decoding import CorruptData
    from flowkit.protocol.records import parse_record

    try:
        result = parse_record(data)
    except CorruptData:
        return
    assert result.spent.failures(result.attempt) <= result.attempt


def graph(data: bytes) -> None:
    """A compiled DAG, as it lies in Redis and as it is before it is compressed."""
    from flowkit.protocol.decoding import CorruptData
    from flowkit.protocol.graphs import unpack_graph

    try:
        result = unpack_graph(data)
    except CorruptData:
        return
    for task in range(len(result.graph)):
        result.policy(task), result.ref(task), result.graph.downstream(task)


def error(data: bytes) -> None:
    """What is kept of a failed attempt."""
    from flowkit.protocol.records import ErrorInfo

    assert isinstance(ErrorInfo.unpack(data).message, str)


def fact(data: bytes) -> None:
    """An event of the scheduler's stream."""
    from flowkit.protocol.decoding import CorruptData
    from flowkit.scheduler.facts import read_fact

    kind, _, text = data.partition(b" ")
    try:
        result = read_fact(kind, text, {})
    except CorruptData:
        return
    assert isinstance(result.run, str)
    assert all(isinstance(task, int) for task in result.tasks)


def entry(data: bytes) -> None:
    """An entry of a run's history: its fields, one on each line."""
    from flowkit.protocol.decoding import CorruptData
    from flowkit.protocol.history_reads import _parse

    fields = data.split(b"\n", 3)
    try:
        result = _parse(1, fields if len(fields) > 1 else [b"", data], 0)
    except (CorruptData, ValueError):
        return
    assert isinstance(result.at_ms, int)


def chunk(data: bytes) -> None:
    """Lines of an attempt, as they lie in Redis: what they are of, and behind a NUL their text."""
    from flowkit.protocol.log_chunks import parse_chunk

    about, _, lines = data.partition(b"\0")
    result = parse_chunk([b"1-1", [b"t", about, b"d", lines]])
    for item in [] if result is None else result.records():
        assert result is not None
        assert result.first <= item.number < result.first + result.count
        assert "\udc80" not in item.text
        item.text.encode()


def progress(data: bytes) -> None:
    """How far a task has got."""
    from flowkit.protocol.decoding import CorruptData
    from flowkit.protocol.progress_fields import is_progress, parse_progress, progress_text

    try:
        _, result = parse_progress(data)
    except CorruptData:
        return
    assert is_progress(progress_text(result))


def worker(data: bytes) -> None:
    """The description of a worker, with its rates."""
    from flowkit.protocol.worker_info import parse_about

    result = parse_about("W", data)
    for rate in result.rates or ():
        assert rate.ended > 0
        assert rate.window_s > 0


def output(data: bytes) -> None:
    """What a task's process writes into its output pipe, in parts of any size."""
    from flowkit.worker.attempt_log import AttemptLog
    from flowkit.worker.log_frames import FrameReader, GarbledOutput

    logs: dict[object, AttemptLog] = {}

    def log_of(place: object) -> AttemptLog:
        return logs.setdefault(place, AttemptLog(place, 4096))  # type: ignore[arg-type]

    reader = FrameReader(("W.0", "W.0a"), log_of)
    step = 1 + len(data) % 97
    try:
        for at in range(0, len(data), step):
            reader.feed(data[at : at + step])
    except GarbledOutput:
        pass
    for log in logs.values():
        assert log.pending_bytes == sum(len(item.data) for item in log.pending)
        assert all(item.data.count(b"\n") == item.count for item in log.pending)


TARGETS: dict[str, Callable[[bytes], None]] = {
    item.__name__: item
    for item in (value, record, graph, error, fact, entry, chunk, progress, worker, output)
}


def seeds(target: str) -> list[bytes]:
    """Return inputs to begin with: what flowkit itself writes."""
    from datetime import UTC, datetime, time
    from decimal import Decimal
    from zoneinfo import ZoneInfo

    import msgpack
    import numpy as np
    import pandas as pd

    from flowkit.codec.packing import pack
    from flowkit.core.compiled import CompiledDAG
    from flowkit.core.graph import Graph
    from flowkit.core.retry import Policy
    from flowkit.protocol.graph_writer import pack_graph
    from flowkit.protocol.records import ErrorInfo

    zeros = array("i", [0, 0])
    dag = CompiledDAG("d", Graph.build(["a", "b"], [(0, 1)]), (Policy(),), zeros, ("m:f",), zeros)
    wrong = ErrorInfo("ValueError", "wrong", "Traceback …").pack()
    deep = {"a": [1, 2.5, None, (True, {3}, b"x")], "b": datetime(2026, 1, 1, tzinfo=UTC)}
    return {
        "value": [
            *(pack(deep), pack(Decimal("1.5")), pack(2**80), pack(Path("a/b"))),
            *(pack({1: 2, (3, "k"): 4}), pack({frozenset({-1}), frozenset({-2})})),
            pack(time(1, tzinfo=ZoneInfo("Europe/Paris"))),
            *(pack(np.zeros((0, 3))), pack(pd.Series(["x", None], pd.RangeIndex(2)))),
            pack(pd.DataFrame({"a": [1]}, pd.date_range("2026", periods=1, freq="D"))),
        ],
        "record": [b"R2,W.0,1/2*3!+,40,", b"S1,W.0,0~,3,4", b"P1,,0,,"],
        "graph": [pack_graph(dag)],
        "error": [wrong],
        "entry": [
            *(b"retry\n1 W1,,1,5,a,,retry,b\nerror\n" + wrong, b"died\n0 R2,W.0,0/1*,5,a"),
            *(b"cancel\nme@host via cli", b"resume\n1,2 me@host via cli", b"hasten\n1 x"),
            *(b"finish\nfailed 10 3", b"stop\n3"),
        ],
        "chunk": [
            b"0,1,W.0,1,2\0" + 2 * b"1764508800123 20o a line\n",
            b"7,2,W.1a,5,3,1\0" + b"1764508800123 40e \xc3\n1764508800123 40E \xa4\xff.\n",
        ],
        "progress": [b"1764508800123,W.0,5,10,rows", b"1,W.0a,1.5,,", b"1,W.0,1e+20,1e+21,x"],
        "worker": [msgpack.packb({"queues": ["q"], "rates": {"q": [5, 9]}, "window_ms": 60000})],
        "output": [
            b"A1 run,0,1,W.0\nL1 1764508800123 20o a line\nL1 1764508800123 20O more\nE1 \n",
            b"F1 1\nA2 run,3,2,W.0a\nD2 12\nL2 1764508800123 40l x\n",
        ],
        "fact": [b"S run 0 1 2", b"submit run " + b"0" * 64, b"W run"],
    }[target]


def fuzz(target: str, seconds: int) -> None:
    """Fuzz one target in this process; it ends the process."""
    assert atheris is not None
    with atheris.instrument_imports(include=["flowkit"]):
        TARGETS[target](b"")
    corpus = Path(tempfile.mkdtemp(prefix=f"flowkit-fuzz-{target}-"))
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", "-timeout=2"]
    limits += [
        f"-artifact_prefix={corpus}/",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *limits], TARGETS[target])
    atheris.Fuzz()


def main() -> int:
    """Fuzz each target in its own process; return 1 if one of them found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target [60]")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    for name in given.targets:
        if name not in TARGETS:
            parser.error(f"there is no target {name!r}; there are {', '.join(TARGETS)}")
    if atheris is None:
        parser.error("atheris is not installed: pip install atheris")
    if given.here:
        fuzz(given.targets[0], given.seconds)
    result = 0
    for name in given.targets or TARGETS:
        command = [sys.executable, "-m", "tests.fuzz", name, "--here", "--seconds"]
        ended = subprocess.run(
            [*command, str(given.seconds)], stderr=subprocess.PIPE, text=True, errors="replace"
        )
        runs = [line for line in ended.stderr.splitlines() if "number_of_executed_units" in line]
        inputs = runs[-1].rpartition(" ")[2] if runs else "?"
        print(f"{'FOUND' if ended.returncode else 'ok':<6}{name}: {inputs} inputs", flush=True)
        if ended.returncode:
            print(ended.stderr[-3000:])
        result += ended.returncode != 0
    return 1 if result else 0


if __name__ == "__main__":
    sys.exit(main())
