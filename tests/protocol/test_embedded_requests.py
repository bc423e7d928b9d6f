"""How the embedded server reads requests: any bytes in any pieces, and nothing without a bound."""

from __future__ import annotations

import tracemalloc

import pytest
from helpers import request
from hypothesis import given
from hypothesis import strategies as st

from flowkit.embedded.requests import (
    KNOWN_PEER,
    SHORT_BYTES,
    UNKNOWN_PEER,
    Limits,
    ProtocolError,
    RequestReader,
)

FIELDS = st.one_of(
    st.binary(max_size=8), st.text("\r\n*$1a", max_size=12).map(str.encode), st.just(b"x" * 300)
)
COMMANDS = st.lists(st.lists(FIELDS, max_size=4), max_size=5)


def reader(limits: Limits = KNOWN_PEER) -> RequestReader:
    made = RequestReader()
    made.limits = limits
    return made


def read_all(of: RequestReader) -> list[list[bytes]]:
    commands = []
    while (fields := of.next()) is not None:
        commands.append(fields)
    return commands


@given(COMMANDS, st.lists(st.integers(1, 60), min_size=1, max_size=30), st.booleans())
def test_any_commands_in_any_pieces(
    commands: list[list[bytes]], sizes: list[int], waits: bool
) -> None:
    """``waits``: a command was parked, so the next ones are read when more has come."""
    made, seen = reader(), []
    data = b"".join(request(*fields) for fields in commands)
    for turn in range(len(data) + 1):
        size = sizes[turn % len(sizes)]
        if not data:
            break
        made.feed(data[:size])
        data = data[size:]
        fields = made.next()
        if fields is not None:
            seen.append(fields)
        if not waits:
            seen += read_all(made)
    seen += read_all(made)
    assert seen == [fields for fields in commands if fields]


def test_arguments_that_are_larger_than_what_is_read_at_once() -> None:
    made, large = reader(), b"\r\n$1\r\n" * SHORT_BYTES
    data = request("SET", "a", large) + request("GET", "a") + request("GET", large)
    for at in range(0, len(data), 64 * 1024):
        made.feed(data[at : at + 64 * 1024])
    assert read_all(made) == [[b"SET", b"a", large], [b"GET", b"a"], [b"GET", large]]


@pytest.mark.parametrize(
    "data",
    [
        b"GET a\r\n",
        b"\r\n",
        b"+OK\r\n",
        b"%1\r\n",
        b"*-1\r\n",
        b"*+1\r\n",
        b"* 1\r\n",
        b"*1_0\r\n",
        b"*\r\n",
        "*\u0661\r\n".encode(),
        b"*" + b"1" * 100,
        b"*" + b"1" * 5000 + b"\r\n$1\r\na\r\n",
        b"*1\r\n*1\r\n$1\r\na\r\n",
        b"*1\r\n:1\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$1\r\nab\r\n",
        b"*2\r\n$1\r\na\r\n*1\r\n",
        b"*1\r\n$" + b"0" * 100,
        b"*1048577\r\n",
        b"*1\r\n$536870913\r\n",
        b"*99999999999999999999\r\n",
    ],
)
@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("limits", [UNKNOWN_PEER, KNOWN_PEER], ids=["stranger", "known"])
def test_an_invalid_request_is_refused(data: bytes, in_pieces: bool, limits: Limits) -> None:
    made = reader(limits)

    def read() -> None:
        for piece in [bytes([byte]) for byte in data] if in_pieces else [data]:
            made.feed(piece)
            assert made.next() is None

    with pytest.raises(ProtocolError):
        read()


@pytest.mark.parametrize("data", [b"*1048576\r\n", b"*1\r\n$536870912\r\n"])
def test_an_announced_size_uses_no_memory(data: bytes) -> None:
    """hiredis makes a list of as many elements as are announced, 8 GB for a line of 13 bytes."""
    made = reader()
    tracemalloc.start()
    try:
        made.feed(data)
        assert made.next() is None
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("waits", [False, True])
def test_every_request_has_a_size_limit(waits: bool) -> None:
    """``waits``: nothing is read, since a command of the peer is parked."""
    made = reader(Limits(arguments=100, argument=50, total=200))
    seen = 0

    def flood() -> None:
        nonlocal seen
        made.feed(b"*100\r\n")
        while True:
            made.feed(b"$3\r\nabc\r\n")
            seen += 1
            if not waits:
                assert made.next() is None

    with pytest.raises(ProtocolError, match="at most 200 bytes of a request are allowed"):
        flood()
    assert seen < 30
    whole = reader(Limits(arguments=100, argument=50, total=200))
    whole.feed(request(*["x" * 40] * 5))
    with pytest.raises(ProtocolError, match="at most 200 bytes"):
        whole.next()


def test_many_small_requests_do_not_count_as_a_large_one() -> None:
    made = reader(UNKNOWN_PEER)
    for _ in range(100):
        made.feed(request("AUTH", "x") * 40)
        assert len(read_all(made)) == 40
