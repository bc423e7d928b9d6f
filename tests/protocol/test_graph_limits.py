"""A graph that asks for more than it may have is refused before it has got it.

A megabyte in Redis that unpacks to a gibibyte ended the scheduler at each of its starts: whoever
could write one run could stop all of them.
"""

from __future__ import annotations

import subprocess
import sys
import zlib
from array import array
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from environment import Environment, compiled

from flowkit import task
from flowkit.core.compiled import CompiledDAG, OnFailure
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy
from flowkit.exceptions import DAGError, StoreError
from flowkit.protocol import graph_writer, graphs
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.graph_file import Allowance, open_graph
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of, unpack_graph, unpack_names

ORDER = ["format", "name", "names", "up_at", "up", "policies", "policy_of", "refs", "ref_of",
         "kwargs", "on_failure", "on_retry"]  # fmt: skip
GIBIBYTE = 2**30


def rebuilt(**changes: object) -> bytes:
    """A stored graph of three tasks with some of its parts replaced."""
    parts = msgpack.unpackb(pack_graph(compiled(3)))
    for name, value in changes.items():
        parts[ORDER.index(name)] = value
    packed: bytes = msgpack.packb(parts)
    return packed


def head(*parts: object) -> bytes:
    """The first bytes of a graph: what follows takes the place of the next part."""
    return bytes([0x90 | len(ORDER)]) + b"".join(map(msgpack.packb, parts))


def squeezed(*parts: bytes) -> bytes:
    """Compress what is too large to be held whole. Equal parts are compressed once.

    After a full flush, the bytes of a part do not depend on what comes before it.
    """
    stream = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    done, known, checksum = [b"\x78\x01"], dict[int, bytes](), 1
    for part in parts:
        if id(part) not in known:
            known[id(part)] = stream.compress(part) + stream.flush(zlib.Z_FULL_FLUSH)
        done.append(known[id(part)])
        checksum = zlib.adler32(part, checksum)
    return b"".join([*done, stream.flush(), checksum.to_bytes(4, "big")])


def test_squeezed_bytes_are_a_whole_stream() -> None:
    assert (
        zlib.decompress(squeezed(b"head", *[ZEROS] * 3, b"tail")) == b"head" + ZEROS * 3 + b"tail"
    )


def array_of(count: int) -> bytes:
    return b"\xdd" + count.to_bytes(4, "big")


ZEROS = bytes(2**20)
BOMBS: dict[str, Callable[[], bytes]] = {
    "a list of nothing": lambda: squeezed(head(1, "d"), array_of(2**28), *[b"\xc0" * 2**20] * 200),
    "lists in lists": lambda: squeezed(head(1, "d"), *[array_of(2**27) + b"\xa2ab" * 10**6] * 60),
    "a text of 200 MB": lambda: squeezed(head(1), b"\xdb" + (200 * 2**20).to_bytes(4, "big"),
                                         *[ZEROS] * 200),
    "texts in places of names": lambda: squeezed(
        head(1, "d"), array_of(50_000_000), *[b"\xa2ab" * 2**18] * 190
    ),
    "fifty million edges": lambda: squeezed(
        head(1, "d", ["a"], array("i", [0, 50_000_000]).tobytes()),
        b"\xc6" + (200_000_000).to_bytes(4, "big"), *[ZEROS] * 191
    ),
    "a gibibyte": lambda: squeezed(head(1, "d"), *[ZEROS] * 1024),
    "a gibibyte of names": lambda: squeezed(
        head(1, "d"), array_of(1100), *[b"\xdb" + (2**20).to_bytes(4, "big") + ZEROS] * 1100
    ),
    "a gibibyte of names, each short enough": lambda: squeezed(
        head(1, "d"), array_of(1_100_000), *[(b"\xda\x03\xe8" + bytes(1000)) * 1100] * 1000
    ),
    "a gibibyte of fixed arguments": lambda: squeezed(
        head(1, "d", ["a"], bytes(8), b"", [POLICY], bytes(4), ["m:f"], bytes(4)),
        b"\x91\x92\x00\xc6" + (2**28).to_bytes(4, "big"), *[ZEROS] * 256
    ),
}  # fmt: skip


# These unpack the most, and take as many seconds.
LARGEST = ("a gibibyte of names", "a gibibyte of names, each short enough")


@pytest.mark.slow
@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(bomb, id=name, marks=pytest.mark.slow if name in LARGEST else [])
        for name, bomb in BOMBS.items()
    ],
)
def test_a_small_graph_that_unpacks_to_much_is_refused_in_little_memory(
    bomb: Callable[[], bytes],
) -> None:
    data = bomb()
    assert len(data) < 8 * 2**20
    program = (
        "import resource, sys\n"
        "from flowkit.exceptions import StoreError\n"
        "from flowkit.protocol.graphs import unpack_graph\n"
        "data = sys.stdin.buffer.read()\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({GIBIBYTE}, {GIBIBYTE}))\n"
        "try:\n    unpack_graph(data)\n"
        "except StoreError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-500:]
    assert b"the stored graph cannot be read" in done.stdout
    assert b"MemoryError" not in done.stdout, "it had taken the memory before it was refused"


def test_parts_of_a_graph_that_are_small_enough_are_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = msgpack.unpackb(pack_graph(compiled(3)))
    parts[ORDER.index("kwargs")] = [[at, bytes(40_000)] for at in range(3)]
    data = zlib.compress(msgpack.packb(parts))
    assert len(unpack_graph(data).kwargs) == 3
    monkeypatch.setattr(graphs, "MAX_GRAPH_BYTES", 100_000)
    with pytest.raises(StoreError, match="it unpacks to more bytes than are allowed"):
        unpack_graph(data)


def test_a_scheduler_keeps_no_fixed_arguments(env: Environment) -> None:
    """Many small runs with 256 MiB each are active at a time."""
    packed = rebuilt(kwargs=[[0, b"\x80"]])
    env.link.call("SET", env.keys.graph(digest_of(packed)), packed)
    read = env.scheduler.read_graph(digest_of(packed))
    assert read is not None
    assert (read.graph.names, dict(read.kwargs)) == (compiled(3).graph.names, {})
    result = env.client.read_graph(digest_of(packed))
    assert result is not None
    assert dict(result.kwargs) == {0: b"\x80"}


def test_only_the_needed_part_of_a_graph_is_unpacked() -> None:
    file = open_graph(squeezed(*[ZEROS] * 8), Allowance(GIBIBYTE))
    parts = [file.read(100), file.read(2**20), file.read(10**9)]
    assert [len(part) for part in parts] == [100, 2**20, 7 * 2**20 - 100]


def test_a_graph_too_large_for_memory_is_not_reported_as_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_memory(*args: object) -> object:
        raise MemoryError

    monkeypatch.setattr(graphs, "_graph", without_memory)
    with pytest.raises(StoreError, match="not enough memory to read a graph") as caught:
        unpack_graph(pack_graph(compiled()))
    assert not isinstance(caught.value, CorruptData)
    assert isinstance(caught.value, MemoryError)


POLICY: list[object] = [0, 1.0, 2.0, None, None, "default", 5, False, "none_failed", False]
WRONG_OPTIONS: list[tuple[str, Any]] = [
    ("retries", -1),
    ("retries", 10**7),
    ("retries", True),
    ("delay", float("nan")),
    ("delay", -1.0),
    ("delay", 1e300),
    ("delay", "1"),
    ("delay", True),
    ("retries", 1.0),
    ("backoff", 0),
    ("backoff", float("inf")),
    ("max_delay", float("nan")),
    ("timeout", 0),
    ("timeout", -3.0),
    ("timeout", float("inf")),
    ("queue", "a,b"),
    ("queue", ""),
    ("queue", "q" * 65),
    ("queue", b"default"),
    ("priority", 10),
    ("priority", -1),
    ("priority", 77),
    ("at_most_once", 1),
]


@pytest.mark.parametrize(("option", "value"), WRONG_OPTIONS)
def test_options_refused_by_the_decorator_are_refused_when_read(option: str, value: object) -> None:
    names = list(Policy.__dataclass_fields__)
    policy = list(POLICY)
    policy[names.index(option)] = value
    with pytest.raises(StoreError, match=f"cannot be read: {option} must be") as stored:
        unpack_graph(rebuilt(policies=[policy]))
    with pytest.raises((TypeError, ValueError)) as written:
        task(**{option: value})(lambda: None)
    assert str(written.value).partition(": ")[2] in str(stored.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "two\nlines"},
        {"name": "n" * 201},
        {"names": ["a", "b", "c" * 201]},
        {"names": ["a", "b", ""]},
        {"names": ["a", "b", "\x1b[31m"]},
        {"names": ["a", "b", 3]},
        {"refs": ["r" * 1001]},
        {"refs": [["m:f"]]},
        {"on_retry": "r" * 1001},
        {"kwargs": [[3, b""]]},
        {"kwargs": [[0, "text"]]},
        {"kwargs": [[0, b"", b""]]},
        {"kwargs": [[0, b""]] * 4},
    ],
)
def test_names_and_arguments_that_no_task_can_have_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(StoreError, match="the stored graph cannot be read"):
        unpack_graph(rebuilt(**changes))


@pytest.mark.parametrize(
    ("limit", "most", "changes", "why"),
    [
        ("MAX_TASKS", 2, {}, "it has 3 tasks; the limit is 2"),
        (
            "MAX_TASKS",
            9,
            {"policies": [POLICY] * 4},
            "it has 4 policies; the limit is 3",
        ),
        ("MAX_TASKS", 9, {"refs": ["m:f"] * 4}, "it has 4 functions; the limit is 3"),
        ("MAX_TASKS", 3, {"up_at": bytes(20)}, "more than 4 numbers in a row"),
        ("MAX_TASKS", 3, {"policy_of": bytes(16)}, "more than 3 numbers in a row"),
        ("MAX_EDGES", 1, {"up": bytes(8)}, "more than 1 numbers in a row"),
        ("MAX_REF", 3, {"refs": ["long"]}, "more than 3 characters"),
        ("MAX_GRAPH_BYTES", 100_000, {"kwargs": [[0, bytes(200_000)]]}, "BufferFull"),
        ("MAX_REF", 100, {"name": "n" * 401}, "max_str_len"),
        (
            "MAX_TASKS",
            3,
            {"kwargs": [[0, b""]] * 4},
            "it has 4 arguments; the limit is 3",
        ),
        ("MAX_TASKS", 3, {"name": ["x"]}, "max_array_len"),
        ("MAX_TASKS", 3, {"name": {"x": 1}}, "max_map_len"),
        ("MAX_TASKS", 3, {"name": msgpack.ExtType(1, b"xy")}, "max_ext_len"),
    ],
)
def test_each_part_has_a_limit_of_its_own(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, changes: dict[str, object], why: str
) -> None:
    data = rebuilt(**changes)
    monkeypatch.setattr(graphs, limit, most)
    with pytest.raises(StoreError, match=why):
        unpack_graph(data)


@pytest.mark.parametrize("value", ["sometimes", "", 3, None])
def test_an_unknown_trigger_is_refused(value: object) -> None:
    with pytest.raises(StoreError, match="cannot be read: trigger must be a known trigger"):
        unpack_graph(rebuilt(policies=[[*POLICY[:8], value, False]]))


def test_a_policy_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(StoreError, match="contradict each other"):
        unpack_graph(rebuilt(policies=[[3, *POLICY[1:9], True]]))


@pytest.mark.parametrize(
    "changes",
    [
        {"up_at": array("i", [0, 0, 0]).tobytes()},
        {"up_at": array("i", [0, 1, 0, 2]).tobytes(), "up": bytes(8)},
        {"up_at": array("i", [0, 0, 0, 1]).tobytes(), "up": b""},
        {"policy_of": bytes(8)},
        {"policy_of": array("i", [0, 0, 1]).tobytes()},
        {"ref_of": array("i", [0, 0, -1]).tobytes()},
    ],
)
def test_rows_and_tables_that_do_not_fit_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(StoreError, match="do not fit its tasks"):
        unpack_graph(rebuilt(**changes))


def test_fields_missing_in_older_graphs_have_defaults() -> None:
    parts = msgpack.unpackb(rebuilt(on_failure="continue", on_retry="m:hook"))
    whole, older = unpack_graph(msgpack.packb(parts)), unpack_graph(msgpack.packb(parts[:10]))
    assert (whole.on_failure, whole.on_retry) == (OnFailure.CONTINUE, "m:hook")
    assert (older.on_failure, older.on_retry) == (OnFailure.STOP, "")


def test_trailing_bytes_are_refused() -> None:
    packed = pack_graph(compiled())
    compressed = zlib.compress(packed)
    for whole in (packed, compressed):
        unpack_graph(whole)
        for more in (b"\xc0", b"\0" * 100_000, whole):
            with pytest.raises(StoreError, match="bytes follow it"):
                unpack_graph(whole + more)


def test_names_are_read_alone_and_for_several_graphs_within_one_allowance() -> None:
    """A table of tasks names what it lists, and reads no gigabyte for it."""
    packed = zlib.compress(pack_graph(compiled(3)))
    allowance = Allowance(100_000)
    spent = []
    for _ in range(2):
        assert unpack_names(packed, allowance) == list(unpack_graph(packed).graph.names)
        spent.append(100_000 - allowance.left)
    assert spent[1] == 2 * spent[0]
    with pytest.raises(StoreError, match="more bytes than are allowed"):
        unpack_names(packed, Allowance(spent[0] - 1))


def test_unreadable_data_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = array("i", [0, 0])
    drawn = CompiledDAG(
        "wide", Graph.build(["a", "b"], [(0, 1)]), (Policy(),), zeros, ("m:f",), zeros
    )
    for limit, what in (
        ("MAX_TASKS", "2 tasks"),
        ("MAX_EDGES", "1 edges"),
        ("MAX_GRAPH_BYTES", "bytes"),
    ):
        with monkeypatch.context() as small:
            small.setattr(graph_writer, limit, 1 if limit == "MAX_TASKS" else 0)
            with pytest.raises(DAGError, match=f"'wide' is too large for workers: it has .*{what}"):
                pack_graph(drawn)
