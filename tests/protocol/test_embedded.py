"""The embedded server: as much of Redis as flowkit needs, from one thread that never polls."""

from __future__ import annotations

import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import redis
from helpers import free_port, raw_connection, request, wait_until
from open_server import OpenServer

from flowkit.embedded import EmbeddedServer, address
from flowkit.embedded.peer import UNSENT_MESSAGE_BYTES, Peer
from flowkit.exceptions import StoreError
from flowkit.protocol.link import Link


@pytest.fixture
def server() -> Iterator[OpenServer]:
    with OpenServer() as item:
        yield item


@pytest.fixture(params=[2, 3], ids=["protocol 2", "protocol 3"])
def client(server: EmbeddedServer, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url, protocol=request.param) as item:
        yield item


def known(server: EmbeddedServer) -> socket.socket:
    """A connection that has given the password."""
    connection = raw_connection(server.url)
    connection.sendall(request("AUTH", redis.connection.parse_url(server.url)["password"]))
    assert connection.recv(100) == b"+OK\r\n"
    return connection


def raw(server: EmbeddedServer, *words: str) -> socket.socket:
    """A connection that has sent one command and read nothing."""
    connection = known(server)
    connection.sendall(request(*words))
    return connection


def clients(connection: redis.Redis) -> int:
    return len(connection.client_list())


def path_of(server: EmbeddedServer) -> Path:
    return Path(unquote(redis.connection.parse_url(server.url)["path"]))


class TestLife:
    def test_it_listens_on_a_private_socket(self) -> None:
        with EmbeddedServer() as item, EmbeddedServer() as other:
            path = path_of(item)
            assert item.port is None
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert path != path_of(other)
        assert not path.parent.exists()

    def test_a_port_is_local_and_only_on_request(self) -> None:
        with EmbeddedServer(port=0) as item, EmbeddedServer(port=0) as other:
            parts = redis.connection.parse_url(item.url)
            assert (parts["host"], parts["port"]) == ("127.0.0.1", item.port)
            assert item.port != other.port
            with redis.Redis.from_url(item.url) as client:
                assert client.ping()

    def test_each_start_has_its_own_password(self) -> None:
        server = EmbeddedServer(port=free_port())
        urls = set()
        for _ in range(3):
            with server:
                urls.add(server.url)
        assert len(urls) == 3

    def test_a_path_that_is_too_long_is_replaced_by_a_short_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deep = tmp_path / ("d" * 100)
        deep.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(deep))
        with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
            assert client.ping()
            assert str(path_of(server)).startswith("/tmp/flowkit-")
        assert list(deep.iterdir()) == []

    def test_a_path_with_special_url_characters(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        monkeypatch.setattr(address, "SOCKET_NAME", "a b?c#d%.sock")
        monkeypatch.setattr(address, "PATH_BYTES", 107)
        with EmbeddedServer() as server:
            link = Link(server.url)
            assert link.call("PING") == b"PONG"
            link.close()

    def test_without_unix_sockets_it_uses_a_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(address, "PATH_BYTES", 3)
        with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
            assert server.url.startswith("redis://:")
            assert client.ping()

    def test_stopping_closes_connections_and_its_thread_immediately(self) -> None:
        threads = threading.active_count()
        with EmbeddedServer(port=free_port()) as server, raw(server, "BLPOP", "a", "0") as blocked:
            loop: Any = server._loop
            wait_until("the command waits", lambda: loop._parked)
            server.stop()
            assert blocked.recv(10) == b""
            server.stop()
            assert threading.active_count() == threads
            with pytest.raises(ConnectionRefusedError):
                raw_connection(server.url)

    def test_starting_twice_is_refused(self, server: EmbeddedServer) -> None:
        with pytest.raises(RuntimeError, match="is already running; stop it first"):
            server.start()

    def test_before_its_start_it_has_no_address(self) -> None:
        with pytest.raises(RuntimeError, match="has not been started, so it has no address yet"):
            _ = EmbeddedServer().url

    def test_a_port_that_is_taken_is_named(self) -> None:
        with EmbeddedServer(port=0) as server:
            text = rf"cannot listen on 127\.0\.0\.1:{server.port} \(.*\); choose another port"
            with pytest.raises(StoreError, match=text):
                EmbeddedServer(port=server.port).start()

    def test_after_a_restart_it_is_empty(self) -> None:
        server = EmbeddedServer()
        for _ in range(2):
            with server, redis.Redis.from_url(server.url) as client:
                assert client.set("a", 1, get=True) is None


class TestCommands:
    def test_values_come_back_as_from_redis(self, client: redis.Redis) -> None:
        client.hset("h", mapping={"a": 1, "b": ""})
        client.zadd("z", {"x": 1.5})
        assert client.hgetall("h") == {b"a": b"1", b"b": b""}
        assert client.zrange("z", 0, -1, withscores=True) in ([(b"x", 1.5)], [[b"x", 1.5]])
        assert client.get("nothing") is None
        assert client.lrange("nothing", 0, -1) == []
        assert client.xadd("s", {"a": 1}, id="1-1") == b"1-1"

    def test_large_values_go_both_ways(self, client: redis.Redis) -> None:
        value = os.urandom(1_000_000) * 8
        client.set("big", value)
        assert client.get("big") == value

    def test_an_error_ends_neither_the_connection_nor_a_pipeline(self, client: redis.Redis) -> None:
        client.set("text", "x")
        replies = client.pipeline(transaction=False).lpush("text", 1).get("text")
        result = replies.execute(raise_on_error=False)
        assert isinstance(result[0], redis.ResponseError)
        assert result[1] == b"x"

    def test_transactions(self, client: redis.Redis) -> None:
        assert client.pipeline(transaction=True).set("a", 1).incr("a").execute() == [True, 2]

    def test_a_connection_with_another_protocol_gets_an_error_and_is_closed(
        self, server: EmbeddedServer
    ) -> None:
        with raw_connection(server.url) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert connection.recv(100).startswith(b"-ERR Protocol error")
            assert connection.recv(100) == b""

    def test_a_command_in_many_pieces(self, server: EmbeddedServer) -> None:
        with raw(server, "SET", "a", "1") as connection:
            assert connection.recv(10) == b"+OK\r\n"
            for byte in b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n":
                connection.sendall(bytes([byte]))
            assert connection.recv(100) == b"$1\r\n1\r\n"

    def test_keys_die(self, client: redis.Redis) -> None:
        client.set("short", 1, px=1)
        wait_until("the key is gone", lambda: not client.exists("short"))


class TestMessages:
    def test_a_subscriber_gets_published_messages(self, client: redis.Redis) -> None:
        with client.pubsub() as pubsub:
            pubsub.subscribe("news", "other")
            assert [pubsub.get_message(timeout=10)["type"] for _ in range(2)] == ["subscribe"] * 2
            assert client.publish("news", "hello") == 1
            message = pubsub.get_message(timeout=10)
            assert (message["type"], message["data"]) == ("message", b"hello")
            pubsub.unsubscribe("other")
            assert pubsub.get_message(timeout=10)["type"] == "unsubscribe"

    def test_a_subscriber_that_left_is_forgotten(
        self, server: EmbeddedServer, client: redis.Redis
    ) -> None:
        with raw(server, "SUBSCRIBE", "news") as connection:
            assert connection.recv(100)
            assert client.publish("news", "x") == 1
        wait_until("nobody listens", lambda: client.publish("news", "x") == 0)


class TestBounds:
    """What a client does not read takes no memory without end."""

    def test_commands_of_a_client_that_reads_no_replies_stop(
        self, server: EmbeddedServer, client: redis.Redis
    ) -> None:
        value = b"x" * 2**20
        client.set("big", value)
        loop: Any = server._loop
        with known(server) as lazy:
            lazy.sendall(request("GET", "big") * 100 + request("SET", "done", "1"))
            wait_until("a reply waits", lambda: any(peer.is_full for peer in peers(loop)))
            assert client.ping()
            assert max(len(peer.out) for peer in peers(loop)) < 3 * len(value)
            assert not client.exists("done")
            left = 100 * (len(value) + len(b"$1048576\r\n\r\n")) + len(b"+OK\r\n")
            while left:
                left -= len(lazy.recv(min(left, 2**20)))
        assert client.get("done") == b"1"

    def test_a_subscriber_that_reads_no_messages_is_dropped(
        self, server: EmbeddedServer, client: redis.Redis
    ) -> None:
        with raw(server, "SUBSCRIBE", "news"):
            wait_until("it listens", lambda: client.publish("news", "x"))
            message = b"x" * 2**20
            published = 0
            while client.publish("news", message):
                published += 1
                assert published < 100
        assert published >= UNSENT_MESSAGE_BYTES // len(message)


def peers(loop: Any) -> list[Peer]:
    """The connections of a server."""
    return [key.data for key in list(loop._selector.get_map().values()) if key.data]


class TestWaiting:
    def test_waiting_clients_are_served_immediately_and_in_order(
        self, server: EmbeddedServer, client: redis.Redis
    ) -> None:
        first = raw(server, "BLPOP", "other", "list", "0")
        wait_until("the first one waits", lambda: clients(client) == 2)
        with first, raw(server, "BLPOP", "list", "0") as second:
            wait_until("both wait", lambda: clients(client) == 3)
            client.rpush("list", "a")
            assert first.recv(100) == b"*2\r\n$4\r\nlist\r\n$1\r\na\r\n"
            client.rpush("list", "b")
            assert second.recv(100) == b"*2\r\n$4\r\nlist\r\n$1\r\nb\r\n"

    def test_a_blocking_command_returns_nothing_at_its_timeout(
        self, server: EmbeddedServer
    ) -> None:
        with raw(server, "BLPOP", "list", "0.01") as connection:
            assert connection.recv(100) in (b"$-1\r\n", b"*-1\r\n")

    def test_commands_after_a_blocking_one_run_after_it(
        self, server: EmbeddedServer, client: redis.Redis
    ) -> None:
        with raw(server, "BLPOP", "list", "0") as connection:
            connection.sendall(request("LLEN", "list"))
            client.rpush("list", "a", "b")
            expected = b"*2\r\n$4\r\nlist\r\n$1\r\na\r\n:1\r\n"
            result = b""
            while len(result) < len(expected):
                result += connection.recv(100)
            assert result == expected

    @pytest.mark.parametrize("port", [None, 0], ids=["unix socket", "port"])
    @pytest.mark.parametrize("how", ["close", "reset"])
    def test_a_dead_client_takes_no_element(self, port: int | None, how: str) -> None:
        """A worker that is killed while it waits must not swallow the token of another one."""
        with OpenServer(port=port) as server, redis.Redis.from_url(server.url) as client:
            dying = raw(server, "BLPOP", "list", "0")
            wait_until("it waits", lambda: clients(client) == 2)
            if how == "reset":
                dying.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            dying.close()
            wait_until("its end is noticed", lambda: clients(client) == 1)
            client.rpush("list", "token")
            assert client.lrange("list", 0, -1) == [b"token"]

    def test_a_blocking_read_waits_for_a_stream(
        self, server: EmbeddedServer, client: redis.Redis
    ) -> None:
        with raw(server, "XREAD", "BLOCK", "0", "STREAMS", "s", "0") as connection:
            wait_until("it waits", lambda: clients(client) == 2)
            client.xadd("s", {"a": "1"}, id="1-1")
            expected = "*1|*2|$1|s|*1|*2|$3|1-1|*2|$1|a|$1|1|".replace("|", "\r\n").encode()
            assert connection.recv(200) == expected
        with redis.Redis.from_url(server.url, protocol=2) as other:
            assert other.xread({"s": "1-1"}, block=5) == []

    def test_a_script_wakes_waiting_clients(
        self, server: EmbeddedServer, client: redis.Redis
    ) -> None:
        with raw(server, "BLPOP", "list", "0") as connection:
            wait_until("it waits", lambda: clients(client) == 2)
            client.eval("redis.call('RPUSH', KEYS[1], 'a', 'b')", 1, "list")
            assert connection.recv(100).endswith(b"$1\r\na\r\n")
        assert client.llen("list") == 1

    def test_an_idle_server_uses_no_processor_time(self, server: EmbeddedServer) -> None:
        """Twelve claimers that wait wake it a few times, not a hundred times a second each."""
        loop: Any = server._loop
        looked = 0
        until = loop._until_deadline

        def counting() -> float | None:
            nonlocal looked
            looked += 1
            return until()

        loop._until_deadline = counting
        waiting = [raw(server, "BLPOP", "list", "30") for _ in range(12)]
        wait_until("all of them wait", lambda: len(loop._parked) == 12)
        seen = looked
        time.sleep(0.3)
        assert looked - seen <= 1
        for connection in waiting:
            connection.close()


class TestScripts:
    def test_replies(self, client: redis.Redis) -> None:
        assert client.eval("return {1, 'a', {2.9, false, true}, nil, 5}", 0) == [
            1, b"a", [2, None, 1],
        ]  # fmt: skip
        assert client.eval("return redis.call('PING')", 0) == b"PONG"
        assert client.eval("return redis.status_reply('FINE')", 0) == b"FINE"
        assert client.eval("return {KEYS[1], ARGV[1], #ARGV}", 1, "k", "v", "w") == [b"k", b"v", 2]
        assert client.eval("return redis.call('GET', 'none') == false", 0) == 1

    def test_errors_keep_the_connection_and_their_code(self, client: redis.Redis) -> None:
        client.hset("h", "a", 1)
        for text, says in [
            ("return redis.call('GET', 'h')", "WRONGTYPE"),
            ("return redis.error_reply('OWN words')", "OWN words"),
            ("return (", "unexpected symbol"),
            ("return nil .. 'x'", "attempt to concatenate a nil value"),
            ("return redis.call('NOPE')", "unknown command"),
            ("return redis.call('GET', {})", "arguments must be strings or integers"),
        ]:
            with pytest.raises(redis.ResponseError, match=says):
                client.eval(text, 0)
        assert client.eval("return redis.pcall('GET', 'h').err", 0).startswith(b"WRONGTYPE")
        with pytest.raises(redis.exceptions.NoScriptError):
            client.evalsha("0" * 40, 0)
        assert client.ping()

    def test_a_global_is_refused_and_breaks_nothing(self, client: redis.Redis) -> None:
        with pytest.raises(redis.ResponseError, match="attempted to create global variable 'x'"):
            client.eval("x = 1", 0)
        with pytest.raises(redis.ResponseError, match="nonexistent global variable 'x'"):
            client.eval("return x", 0)
        assert client.eval("return 7", 0) == 7

    @pytest.mark.parametrize(
        "text",
        [
            "return python.eval('1')",
            "return os.execute('true')",
            "return io.open('/etc/passwd')",
            "return redis.call.__globals__",
            "return redis.call['__globals__']",
            "return redis.call.__globals__['x']",
            "return require('os')",
            "return loadstring('return 1')()",
            "return getmetatable('')",
            "return getfenv(0)",
            "return string.dump(redis.pcall)",
        ],
    )
    def test_scripts_reach_neither_python_nor_the_system(
        self, client: redis.Redis, text: str
    ) -> None:
        with pytest.raises(redis.ResponseError):
            client.eval(text, 0)
        assert client.ping()


@pytest.mark.parametrize("seconds", ["inf", "1e300", "2147484", "4000000000"])
def test_a_wait_too_long_for_a_selector_does_not_stop_the_server(
    server: OpenServer, seconds: str
) -> None:
    """One BLPOP ended the thread of the server, and with it all connections."""
    waiting, other = known(server), known(server)
    waiting.sendall(request("BLPOP", "nothing", seconds))
    for _ in range(3):
        other.sendall(request("PING"))
        assert other.recv(100) == b"+PONG\r\n"
    waiting.close()
    other.close()
