"""The one connection: what it survives, what it refuses to wait for, and what it then says."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hiredis
import pytest
import redis
from environment import LIST, Environment, done
from helpers import free_port, wait_until
from proxy import CuttingProxy
from real_redis import RealRedis, executables

from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import BadRedisURL, RedisUnavailable, StoreError
from flowkit.protocol.link import Link
from flowkit.protocol.scripts import script


@pytest.fixture(params=executables().values(), ids=executables().keys())
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealRedis]:
    """A server of this test alone, which keeps its data when it is killed."""
    server = RealRedis(tmp_path, executable=request.param, aof=True)
    server.start()
    yield server
    server.stop()


class Links:
    """Makes links and closes them; notes the outages that they report."""

    def __init__(self) -> None:
        self.made: list[Link] = []
        self.outages: list[Exception] = []

    def __call__(self, url: str, mend: Any = None, **options: Any) -> Link:
        def on_outage(error: Exception, _seconds: float) -> None:
            self.outages.append(error)
            if mend is not None:
                mend()

        self.made.append(Link(url, on_outage=on_outage, **{"patience": 30.0, **options}))
        return self.made[-1]


@pytest.fixture
def links() -> Iterator[Links]:
    made = Links()
    yield made
    for link in made.made:
        link.close()


class TestOutages:
    def test_a_killed_server_that_comes_back(self, own_server: RealRedis, links: Links) -> None:
        def mend() -> None:
            if own_server.process is None:
                own_server.start()

        link = links(own_server.url, mend)
        assert link.call("SET", "a", "1") == b"OK"
        own_server.kill()
        assert link.call("GET", "a") == b"1"
        assert links.outages
        assert link.script(script("cancel"), "{n}:", ("", "r1")) == [b"UNKNOWN"]

    def test_scripts_that_the_new_server_does_not_know(
        self, own_server: RealRedis, links: Links
    ) -> None:
        link = links(own_server.url)
        cancel = script("cancel")
        link.script(cancel, "{n}:", ("", "r1"))
        own_server.restart()
        assert link.scripts(cancel, "{n}:", [("", "r1"), ("", "r2")]) == [[b"UNKNOWN"]] * 2

    @pytest.mark.parametrize("kind", ["OOM", "READONLY"])
    @pytest.mark.parametrize("way", ["command", "script", "batch"])
    def test_temporary_errors_are_waited_out(
        self, own_server: RealRedis, links: Links, kind: str, way: str
    ) -> None:
        with own_server.client() as admin:
            if kind == "OOM":
                admin.config_set("maxmemory", "1mb")
                admin.config_set("maxmemory", "1")
            else:
                admin.replicaof("127.0.0.1", "1")

            def mend() -> None:
                if kind == "OOM":
                    admin.config_set("maxmemory", "0")
                else:
                    admin.replicaof("NO", "ONE")

            link = links(own_server.url, mend)
            if way == "command":
                assert link.call("SET", "a", "1") == b"OK"
            elif way == "batch":
                assert link.batch([("GET", "x"), ("SET", "a", "1")]) == [None, b"OK"]
            else:
                reply = link.script(script("acquire_lease"), "{n}:", (5, "s1", 1000, "0/1", ""))
                assert reply == [b"TAKEN", 1, b"0"]
        assert len(links.outages) == 1
        word = "maxmemory" if kind == "OOM" else "read only replica"
        assert word in str(links.outages[0])

    def test_a_late_reply_is_not_taken_for_another(
        self, own_server: RealRedis, links: Links
    ) -> None:
        link = links(own_server.url, own_server.thaw, read_timeout=0.2)
        assert link.call("SET", "a", "1") == b"OK"
        own_server.freeze()
        assert link.call("INCR", "a") in (2, 3)  # once or twice: a plain INCR is not idempotent
        assert link.call("PING") == b"PONG"
        assert links.outages

    def test_it_reconnects_after_an_outage(self, own_server: RealRedis, links: Links) -> None:
        """After a failover the same address leads to another server, but old connections do not."""
        with own_server.client() as admin:
            admin.replicaof("127.0.0.1", "1")
            link = links(own_server.url, lambda: admin.replicaof("NO", "ONE"))
            before = link.call("CLIENT", "ID")
            assert link.call("SET", "a", "1") == b"OK"
            assert link.call("CLIENT", "ID") != before

    def test_when_patience_ends_the_error_says_what_to_look_at(self, links: Links) -> None:
        link = links(f"redis://127.0.0.1:{free_port()}/0", patience=0.1)
        with pytest.raises(RedisUnavailable, match=r"cannot use Redis at redis://127\.0\.0\.1:\d+"):
            link.call("PING")
        assert links.outages

    def test_without_patience_there_is_one_try(self, links: Links) -> None:
        with pytest.raises(RedisUnavailable, match="Is it running"):
            links(f"redis://127.0.0.1:{free_port()}/0", patience=0).call("PING")
        assert links.outages == []

    def test_a_stopped_process_does_not_wait(self, links: Links) -> None:
        stopped = threading.Event()
        link = links(
            f"redis://127.0.0.1:{free_port()}/0", stopped.set, patience=None, stopped=stopped
        )
        with pytest.raises(RedisUnavailable):
            link.call("PING")
        assert len(links.outages) == 1


def answer_until_ping(peer: socket.socket) -> None:
    """Be a server that answers all it is told, up to the first PING."""
    reader, messages = hiredis.Reader(), b""
    while messages != b"PING":
        reader.feed(peer.recv(4096))
        while (words := reader.gets()) is not False:
            messages = words[0]
            peer.sendall(b"+OK\r\n")


def read_to_the_end(peer: socket.socket) -> None:
    while peer.recv(65536):
        pass


def test_an_undelivered_call_is_never_delivered_later(links: Links) -> None:
    """A call was stuck on its way; it was sent again over a new connection, and others after it.

    When the way was free again, the kernel delivered the first copy behind all of them: a stop, for
    example, to a run that had been resumed since.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        link = links(url, patience=0.0, read_timeout=0.2)
        with ThreadPoolExecutor(1) as pool:
            called = pool.submit(link.call, "PING")
            peer, _ = listener.accept()
            with peer:
                answer_until_ping(peer)
                called.result()
                with pytest.raises(RedisUnavailable):
                    link.call("SET", "key", bytes(20_000_000))  # more than buffers hold
                with pytest.raises(ConnectionResetError):
                    read_to_the_end(peer)


class TestLostReplies:
    """The request was carried out, the reply never came: it is sent again, and harmlessly so."""

    @pytest.fixture
    def cut(self, env: Environment) -> Iterator[tuple[Environment, CuttingProxy]]:
        password = redis.connection.parse_url(env.url).get("password", "")
        with CuttingProxy(env.url) as proxy:
            url = f"redis://:{password}@127.0.0.1:{proxy.port}/0"
            through = Environment(url if password else url.replace(":@", ""), env.namespace)
            yield through, proxy
            through.link.close()

    def test_submit_counts_once(self, cut: tuple[Environment, CuttingProxy]) -> None:
        env, proxy = cut
        env.submit("r0")
        proxy.lose(b"EVALSHA")
        assert env.client.submit(env.submission("r1")) is False  # the second try found it
        assert proxy.lost == 1
        assert [event["submit"][:2] for event in env.events()] == ["r0", "r1"]
        assert env.dump()["graphs"] == {env.submission().digest: "2"}

    def test_attempts_are_not_lost_between_lane_and_server(
        self, cut: tuple[Environment, CuttingProxy]
    ) -> None:
        env, proxy = cut
        env.ready(0, 1, 2)
        proxy.lose(b"EVALSHA")
        assert [claim.task for claim in env.claim(limit=2)] == [0, 1]
        assert proxy.lost == 1
        proxy.lose(b"EVALSHA")
        exchange = env.worker.complete("W.0", [done(0), done(1)], 7, 5, 1, [LIST])
        assert (exchange.stale, exchange.held) == ([], 1)
        assert [claim.task for claim in exchange.claims] == [2]
        assert proxy.lost == 2
        assert env.events()[1:] == [{"S": "r1 0 1"}]

    def test_a_term_is_taken_once(self, cut: tuple[Environment, CuttingProxy]) -> None:
        env, proxy = cut
        env.link.call("PING")
        proxy.lose(b"EVALSHA")
        reply = env.scheduler.acquire_lease(1000)
        assert (reply.leads, reply.term, proxy.lost) == (True, 1, 1)


class TestForgottenScripts:
    """The embedded server forgets none, and takes none."""

    @pytest.fixture
    def env(self, own_server: RealRedis) -> Iterator[Environment]:
        made = Environment(own_server.url, "n")
        yield made
        made.link.close()

    def test_a_flush_between_calls(self, env: Environment) -> None:
        env.acquire_lease()
        env.link.call("SCRIPT", "FLUSH")
        env.acquire_lease()
        assert env.scheduler.term == 1

    def test_a_flush_before_a_pipeline(self, env: Environment) -> None:
        env.link.call("SCRIPT", "FLUSH")
        env.client.submit_many([env.submission(f"r{at}") for at in range(5)])
        assert len(env.client.read_runs(10)) == 5

    def test_a_flush_in_the_middle_of_a_pipeline(self, env: Environment) -> None:
        """Two calls ran, the others found no script: the batch is sent again as a whole."""
        connection = env.link._connection
        pack = connection.pack_commands
        sent: list[list[tuple[object, ...]]] = []

        def interfering(commands: list[tuple[object, ...]]) -> Any:
            sent.append(list(commands))
            if len(sent) == 1:
                commands = [*commands[:2], ("SCRIPT", "FLUSH"), *commands[3:]]
            return pack(commands)

        env.submit("r0")
        connection.pack_commands = interfering
        env.client.submit_many([env.submission(f"r{at}") for at in range(6)])
        assert len(sent) == 2
        first, second = ([words[2:] for words in batch] for batch in sent)
        assert first == second, "all of it, by the text of the script"
        assert env.dump()["active"] == {f"r{at}" for at in range(6)}
        assert len(env.events()) == 6


class TestScripts:
    def test_an_error_in_a_batch_keeps_the_connection_in_step(self, env: Environment) -> None:
        text = env.keys.prefix + "cursor"
        with pytest.raises(StoreError, match="answered: WRONGTYPE"):
            env.link.batch([("SET", text, "1"), ("LPUSH", text, "x"), ("GET", text)])
        assert env.link.call("GET", text) == b"1"
        assert env.link.batch([("GET", text), ("EXISTS", text)]) == [b"1", 1]

    def test_a_script_error_is_raised_immediately(self, env: Environment) -> None:
        env.link.call("SET", env.keys.active(), "no set")
        with pytest.raises(StoreError, match="WRONGTYPE"):
            env.submit()
        assert env.link.call("PING") == b"PONG"
        env.link.call("DEL", env.keys.active())


class TestLogin:
    @pytest.fixture
    def locked(self, tmp_path: Path) -> Iterator[RealRedis]:
        server = RealRedis(tmp_path, password="correct-horse")
        server.start()
        yield server
        server.stop()

    @pytest.mark.parametrize("login", ["", ":battery-staple@", "me:battery-staple@"])
    def test_a_refused_login_is_no_outage(
        self, locked: RealRedis, links: Links, login: str
    ) -> None:
        link = links(f"redis://{login}127.0.0.1:{locked.port}/0", patience=None)
        with pytest.raises(RedisUnavailable, match="refused the login") as caught:
            link.call("PING")
        assert "battery-staple" not in str(caught.value)
        assert "redis://USER:PASSWORD@HOST" in str(caught.value)
        assert links.outages == []

    def test_the_right_password_is_not_shown_either(self, locked: RealRedis, links: Links) -> None:
        link = links(locked.url, patience=0)
        assert link.call("PING") == b"PONG"
        locked.stop()
        with pytest.raises(RedisUnavailable) as caught:
            link.call("PING")
        assert "correct-horse" not in str(caught.value)
        assert f"redis://:***@127.0.0.1:{locked.port}/0" in str(caught.value)


class TestURLs:
    @pytest.mark.parametrize(
        "url", ["localhost:6379", "http://localhost", "redis://host:port/0", "redis://u:secret@h:x"]
    )
    def test_an_invalid_redis_url_error_shows_a_valid_one(self, url: str) -> None:
        with pytest.raises(BadRedisURL, match="write it like redis://localhost:6379/0") as caught:
            Link(url)
        assert "secret" not in str(caught.value)

    def test_a_unix_socket_is_an_address(self, tmp_path: Path) -> None:
        path = tmp_path / "redis.sock"
        command = [str(next(iter(executables().values()))), "--port", "0", "--save", ""]
        with subprocess.Popen(
            [*command, "--unixsocket", str(path)], stdout=subprocess.DEVNULL
        ) as server:
            try:
                assert Link(f"unix://{path}", patience=10).call("PING") in (b"PONG", "PONG")
            finally:
                server.kill()

    def test_a_server_of_another_protocol_is_reported_as_not_redis(self) -> None:
        class Web(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(100)
                self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Web) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"redis://127.0.0.1:{server.server_address[1]}"
            with pytest.raises(RedisUnavailable, match="Is it running, and is the URL right"):
                Link(url, patience=0.1).call("PING")
            server.shutdown()


def test_a_closed_link_opens_again(fake_server: EmbeddedServer, links: Links) -> None:
    link = links(fake_server.url)
    assert link.call("PING") == b"PONG"
    link.close()
    assert link.call("PING") == b"PONG"


def test_a_blocking_call_is_not_cut(fake_server: EmbeddedServer, links: Links) -> None:
    waiting = links(fake_server.url)
    result: list[Any] = []
    thread = threading.Thread(target=lambda: result.append(waiting.call("BLPOP", "{link}:w", "9")))
    thread.start()
    other = links(fake_server.url)
    wait_until("the token is taken", lambda: other.call("RPUSH", "{link}:w", "1") and result)
    thread.join()
    other.call("DEL", "{link}:w")
    assert result == [[b"{link}:w", b"1"]]


def test_an_error_of_one_read_of_many_shows_no_password(links: Links, tmp_path: Path) -> None:
    server = RealRedis(tmp_path, password="correct-horse")
    server.start()
    try:
        link = links(server.url)
        link.call("SET", "text", "x")
        (error,) = link.batch_each([("LLEN", "text")])
        assert "WRONGTYPE" in str(error)
        assert "correct-horse" not in repr(error) + str(error)
        assert "***" in str(error)
    finally:
        server.stop()
