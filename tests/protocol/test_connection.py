"""The socket under a connection: whose timeouts the kernel keeps, and what is sent over it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.exceptions as rx

from flowkit.protocol import connection as module
from flowkit.protocol.connection import KernelTimedSocket, new_connection
from flowkit.protocol.feed import Feed
from flowkit.protocol.keys import Keys

MOMENT_S = 0.05
SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:1\r\n"
MESSAGE = b"*3\r\n$7\r\nmessage\r\n$1\r\nr\r\n$4\r\nover\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[KernelTimedSocket, socket.socket]]:
    here, there = socket.socketpair()
    timed = KernelTimedSocket.taking(here, MOMENT_S)
    yield timed, there
    timed.close()
    there.close()


class TestTimeouts:
    def test_a_silent_peer_times_out_at_the_limit(self, pair) -> None:
        timed, _ = pair
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            timed.recv_into(bytearray(10))
        assert time.monotonic() - began >= MOMENT_S * 0.9

    def test_sending_to_a_peer_that_reads_nothing_times_out(self, pair) -> None:
        timed, _ = pair
        with pytest.raises(TimeoutError):
            timed.sendall(b"x" * 50_000_000)

    def test_the_limit_can_be_changed(self, pair) -> None:
        timed, there = pair
        timed.wait_at_most(30.0)
        threading.Timer(MOMENT_S * 4, there.send, [b"late"]).start()
        assert timed.recv_into(bytearray(10)) == 4

    @pytest.mark.timeout(10)
    def test_a_timeout_of_zero_is_not_infinite(self, pair) -> None:
        timed, _ = pair
        timed.wait_at_most(0.0)
        with pytest.raises(TimeoutError):
            timed.recv_into(bytearray(10))

    def test_a_signal_does_not_end_a_receive(self, pair) -> None:
        timed, there = pair
        timed.wait_at_most(30.0)
        heard: list[int] = []

        def hear(number: int, _frame: object) -> None:
            heard.append(number)
            there.send(b"after")

        before = signal.signal(signal.SIGUSR1, hear)
        try:
            threading.Timer(MOMENT_S, os.kill, [os.getpid(), signal.SIGUSR1]).start()
            assert timed.recv_into(bytearray(10)) == 5
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert heard == [signal.SIGUSR1]


class TestWhichSockets:
    def test_a_plain_connection_has_one(self, server_url: str) -> None:
        connection = new_connection(server_url, name="test", read_timeout=7.0)
        connection.connect()
        assert isinstance(connection._sock, KernelTimedSocket)
        assert connection._sock.gettimeout() is None
        connection.disconnect()

    def test_a_socket_of_gevent_or_tls_keeps_its_own_timeout(self, server_url: str) -> None:
        class Green(socket.socket):
            pass

        here, there = socket.socketpair()
        green = Green(fileno=here.detach())
        green.settimeout(3.0)
        assert module._kernel_timed(green) is green
        assert green.gettimeout() == 3.0
        green.close()
        there.close()

    def test_a_server_that_hangs_is_a_timeout_of_redis(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            url = f"redis://127.0.0.1:{port}"
            connection = new_connection(url, name="test", read_timeout=MOMENT_S)
            with pytest.raises(rx.TimeoutError, match="Timeout reading"):
                connection.connect()


class TestPacking:
    @pytest.mark.parametrize(
        "word", [b"bytes", "text", 7, 2.5, bytearray(b"bytes"), memoryview(b"bytes")]
    )
    def test_commands_are_packed_like_in_redis_py(self, word: Any) -> None:
        ours = module._Packer().pack("SET", "key", word)
        theirs = redis.connection.HiredisRespSerializer().pack("SET", "key", word)
        assert ours == theirs

    def test_commands_refused_by_redis_py_are_refused(self) -> None:
        with pytest.raises(redis.DataError):
            module._Packer().pack("SET", "key", object())


class Script:
    """A server for one feed: answers the handshake, then does as it is told."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}"
        self._peer: socket.socket | None = None
        self._subscribed = threading.Event()
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        self._peer, _ = self._server.accept()
        channel = Keys("ns").feed("r").encode()
        while data := self._peer.recv(4096):
            if b"SUBSCRIBE" in data:
                self._peer.sendall(SUBSCRIBED % (len(channel), channel))
                self._subscribed.set()
            else:
                self._peer.sendall(b"+OK\r\n" * data.count(b"*"))

    def send(self, data: bytes) -> None:
        """Send these bytes to the feed."""
        assert self._subscribed.wait(10)
        assert self._peer is not None
        self._peer.sendall(data)

    def close(self) -> None:
        self._server.close()
        if self._peer is not None:
            self._peer.close()


def test_a_message_in_two_halves_is_read_when_complete() -> None:
    server = Script()
    feed = Feed(server.url, "ns")
    try:
        feed.listen("r")
        server.send(MESSAGE[:20])
        feed.next(MOMENT_S)  # half a message is none
        began = time.monotonic()
        server.send(MESSAGE[20:])
        feed.next(20.0)
        assert time.monotonic() - began < 10.0
    finally:
        feed.close()
        server.close()
