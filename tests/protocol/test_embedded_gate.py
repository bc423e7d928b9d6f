"""The doors of the embedded server: what it refuses before and after its password.

Each attack of this file worked on a server without its gate: fakeredis unpickles, writes files and
runs any text.
"""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakeredis
import hiredis
import lupa.lua51 as lua
import pytest
import redis
from fakeredis._commands import SUPPORTED_COMMANDS
from helpers import raw_connection, request, wait_until

from flowkit.embedded import EmbeddedServer, loop, scripts
from flowkit.embedded.gate import ANSWERED
from flowkit.exceptions import RedisUnavailable, StoreError
from flowkit.protocol.link import Link
from flowkit.protocol.roles import DROPS_A_NAMESPACE, ROLES, SENT_BY_ALL
from flowkit.protocol.scripts import names, script

Connect = Callable[..., "Wire"]
OWN = {"auth", "hello", "select"}  # the gate answers these itself
EVERYTHING = sorted(SUPPORTED_COMMANDS.keys() | {"info", "config get", "debug", "module"})
REFUSED = [name for name in EVERYTHING if name not in ANSWERED | OWN]


class Wire:
    """A connection that sends any bytes and reads replies one by one."""

    def __init__(self, server: EmbeddedServer, *, password: bool = True) -> None:
        self.socket = raw_connection(server.url)
        self._reader = hiredis.Reader()
        if password:
            assert self.ask("AUTH", password_of(server)) == b"OK"

    def ask(self, *words: str | bytes) -> Any:
        """Send a command and return its reply, an error as its text."""
        return self.send(request(*words))

    def send(self, data: bytes) -> Any:
        """Send bytes and return the next reply; None if the connection is closed instead."""
        self.socket.sendall(data)
        return self.read()

    def read(self) -> Any:
        """Return the next reply; None if the connection is closed instead."""
        while (reply := self._reader.gets()) is False:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self._reader.feed(data)
        return str(reply).removeprefix("ERR ") if isinstance(reply, Exception) else reply

    def close(self) -> None:
        self.socket.close()


def password_of(server: EmbeddedServer) -> str:
    return str(redis.connection.parse_url(server.url)["password"])


@pytest.fixture(params=[None, 0], ids=["unix socket", "port"])
def server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """The server of the product, without the tests' back door."""
    with EmbeddedServer(port=request.param) as item:
        yield item


@pytest.fixture
def connect(server: EmbeddedServer) -> Iterator[Callable[..., Wire]]:
    """Opens connections; they are closed in the end."""
    opened: list[Wire] = []

    def connect(*, password: bool = True) -> Wire:
        opened.append(Wire(server, password=password))
        return opened[-1]

    yield connect
    for wire in opened:
        wire.close()


@pytest.fixture
def wire(connect: Connect) -> Wire:
    """A connection that has given the password."""
    return connect()


def spellings(name: str) -> list[str]:
    return [name, name.upper(), name.title().swapcase()]


class TestEveryCommand:
    """All that fakeredis knows: a new command of it is refused until flowkit sends it."""

    def test_only_commands_that_flowkit_sends_are_accepted(self) -> None:
        sent = set().union(*(role.commands for role in ROLES), SENT_BY_ALL, DROPS_A_NAMESPACE)
        allowed = {name.replace("|", " ") for name in sent} - {"eval", "info", "memory usage"}
        assert allowed | {"ping", "client setinfo"} == ANSWERED
        assert allowed <= SUPPORTED_COMMANDS.keys(), "fakeredis knows all of them"
        assert len(REFUSED) > 250

    def test_other_commands_are_refused_by_name(self, wire: Wire) -> None:
        for name in REFUSED:
            for spelled in spellings(name):
                reply = wire.ask(*spelled.split(" "), "1", "2", "3")
                said = f"the embedded server does not answer '{name.upper()}"
                assert isinstance(reply, str), name
                assert said in reply, name
        assert wire.ask("PING") == b"PONG"

    def test_before_the_password_all_commands_are_refused(
        self, connect: Connect, server: EmbeddedServer
    ) -> None:
        wire = connect(password=False)
        for name in EVERYTHING:
            if name not in OWN:
                for spelled in spellings(name):
                    assert wire.ask(*spelled.split(" "), "1").startswith("NOAUTH"), name
        assert wire.ask("SELECT", "0").startswith("NOAUTH")
        assert wire.ask("HELLO", "3").startswith("NOAUTH")
        assert wire.ask("AUTH", password_of(server)) == b"OK"
        assert wire.ask("SCAN", "0") == [b"0", []], "nothing of it was done"

    def test_transactions_and_scripts_do_not_bypass_the_gate(self, wire: Wire) -> None:
        """There is neither, so there is no way around by them."""
        assert "does not answer 'MULTI'" in wire.ask("MULTI")
        for name in REFUSED:
            assert "does not answer" in wire.ask(*name.split(" "), "1"), name
            text = f"return redis.call({', '.join(map(repr, [*name.split(' '), '1']))})"
            assert "does not answer 'EVAL'" in wire.ask("EVAL", text, "0")
        assert "does not answer 'EXEC'" in wire.ask("EXEC")

    def test_a_script_of_ours_meets_the_same_gate(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = b"return redis.call(unpack(ARGV))"
        digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()
        monkeypatch.setitem(scripts.known_scripts(), digest.encode(), text)
        wire = connect()
        for name in REFUSED:
            reply = wire.ask("EVALSHA", digest, "0", *name.split(" "), "1")
            assert f"does not answer '{name.upper().split()[0]}" in reply, name
        assert wire.ask("EVALSHA", digest, "0", "PING") == b"PONG"

    def test_a_name_is_shown_short_and_without_control_characters(self, wire: Wire) -> None:
        reply = wire.ask(b"\x1b]0;\xff\r\n" + b"x" * 10_000)
        assert reply.startswith(r"the embedded server does not answer '\x1b]0;")
        assert len(reply) < 300


class TestAttacks:
    def test_nothing_is_unpickled(
        self, connect: Connect, server: EmbeddedServer, tmp_path: Path
    ) -> None:
        class Payload:
            def __reduce__(self) -> tuple[Any, ...]:
                return os.mkdir, (str(tmp_path / "pwned"),)

        value = pickle.dumps(Payload())
        packed = hashlib.sha1(value, usedforsecurity=False).digest() + value
        assert unguarded("RESTORE", "a", "0", packed) is not None
        assert (tmp_path / "pwned").exists(), "fakeredis itself does it"
        (tmp_path / "pwned").rmdir()
        for wire in (connect(), connect(password=False)):
            for words in (("RESTORE", "a", "0", packed), ("FUNCTION", "RESTORE", packed)):
                assert wire.ask(*words).startswith(("NOAUTH", "the embedded server does not"))
        assert not (tmp_path / "pwned").exists()

    def test_no_file_is_written(self, wire: Wire, tmp_path: Path) -> None:
        path = str(tmp_path / "acl")
        for words in (
            ("CONFIG", "SET", "aclfile", path),
            ("ACL", "SETUSER", "x", "on", ">x"),
            ("ACL", "SAVE"),
            ("SAVE",),
            ("BGSAVE",),
        ):
            assert "does not answer" in wire.ask(*words)
        assert not Path(path).exists()

    def test_no_unknown_script_text_is_run(self, wire: Wire) -> None:
        bytecode = lua.LuaRuntime(encoding=None).execute(b"return string.dump(function() end)")
        assert bytecode.startswith(b"\x1bLua")
        texts = [bytecode, b"while true do end", script("submit").text.encode()]
        for text in texts:
            assert "does not answer 'EVAL': it runs only the scripts" in wire.ask("EVAL", text, "0")
            assert "does not answer 'SCRIPT LOAD'" in wire.ask("SCRIPT", "LOAD", text)
            digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()
            if text is not texts[-1]:
                reply = wire.ask("EVALSHA", digest, "0")
                assert reply.startswith("the embedded server does not know this script")
        assert wire.ask("PING") == b"PONG"

    def test_every_script_of_this_release_is_known_from_the_start(self, wire: Wire) -> None:
        for name in names():
            reply = wire.ask("EVALSHA", script(name).digest, "1", "{n}:")
            assert "does not know this script" not in str(reply), name
            assert "NOSCRIPT" not in str(reply), name

    def test_a_client_of_another_release_is_told_so(self, server: EmbeddedServer) -> None:
        link = Link(server.url)
        with pytest.raises(StoreError, match="Use the same release in all processes"):
            link.script(replace(script("submit"), digest="0" * 40), "{n}:", ())
        link.close()

    @pytest.mark.parametrize("count", ["-1", "-6", "nan"])
    def test_no_argument_makes_our_scripts_run_forever(self, wire: Wire, count: str) -> None:
        """A negative count moved ``complete`` and ``apply`` back to where they had been."""
        wire.ask("HSET", "{n}:worker:W.0:claims", "#", "0")
        wire.ask("SET", "{n}:leader", "s,1,9999999999999")
        digest = script("complete").digest
        wire.ask("EVALSHA", digest, "1", "{n}:", "", "W.0", "1", "0", "1", "0", "r", count)
        digest = script("apply").digest
        words = ("queue", "r", "default", "5", "", count)
        wire.ask("EVALSHA", digest, "1", "{n}:", "", "s", "1", "", *words)
        assert wire.ask("PING") == b"PONG"

    @pytest.mark.parametrize("words", [("SCAN",), ("HSCAN", "match"), ("ZSCAN", "match")])
    def test_no_pattern_keeps_it_busy(self, wire: Wire, words: tuple[str, ...]) -> None:
        """fakeredis makes regular expressions of patterns: 25 stars took it forever."""
        wire.ask("HSET" if words[0] == "HSCAN" else "ZADD", "match", "1", "a" * 60)
        for pattern in ("*a" * 25 + "*b", "a**", "*a", "a?", "[a]*", "\\a", "a" * 1001):
            for option in ("MATCH", "match"):
                reply = wire.ask(*words, "0", "COUNT", "10", option, pattern)
                assert f"does not answer {words[0]} with this pattern" in reply
        assert wire.ask(*words, "0", "MATCH", "a*", "COUNT", "10")[0] == b"0"
        assert wire.ask(*words, "0", "MATCH", "a")[0] == b"0"

    def test_no_count_makes_a_reply_unbounded(self, wire: Wire) -> None:
        """fakeredis put 300 million members together for a request of 50 bytes."""
        wire.ask("SADD", "set", "a", "b")
        assert "with a count below 0" in wire.ask("SRANDMEMBER", "set", "-100000")
        assert sorted(wire.ask("SRANDMEMBER", "set", "300000000")) == [b"a", b"b"]
        assert wire.ask("SRANDMEMBER", "set") in (b"a", b"b")

    def test_an_endless_script_is_stopped(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = b"while true do end"
        digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()
        monkeypatch.setitem(scripts.known_scripts(), digest.encode(), text)
        monkeypatch.setattr(scripts, "LONGEST_S", 0.05)
        wire = connect()
        assert "the script takes too long" in wire.ask("EVALSHA", digest, "0")
        assert wire.ask("PING") == b"PONG"


def unguarded(*words: str | bytes) -> Any:
    """What fakeredis itself answers, or the error that it makes of it."""
    try:
        return fakeredis.FakeRedis().execute_command(*words)
    except Exception as error:
        return error


class TestPassword:
    def test_a_wrong_password_is_refused_and_the_third_closes_the_connection(
        self, connect: Connect, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loop, "STRANGER_S", 600.0)
        right = password_of(server)
        wire = connect(password=False)
        for words in (
            ("AUTH", right[:-1]),
            ("HELLO", "3", "AUTH", "default", right + "x"),
            ("AUTH", "root", right),
        ):
            assert wire.ask(*words).startswith("WRONGPASS")
            if words[1] != "root":
                assert wire.ask("GET", "a").startswith("NOAUTH")
        assert wire.read() is None

    def test_with_the_right_one_all_forms_of_login_are_open(
        self, connect: Connect, server: EmbeddedServer
    ) -> None:
        right = password_of(server)
        for words in (
            ("AUTH", right),
            ("auth", "default", right),
            ("Hello", "2", "auth", "default", right),
            ("HELLO", "3", "SETNAME", "x", "AUTH", "default", right),
        ):
            wire = connect(password=False)
            assert wire.ask(*words) is not None
            assert wire.ask("GET", "a") is None
            assert wire.ask("QUIT") == b"OK"
            assert wire.read() is None

    def test_a_client_with_a_wrong_url_is_told(self, server: EmbeddedServer) -> None:
        right = password_of(server)
        for url in (server.url.replace(right, "wrong"), server.url.replace(f":{right}@", "")):
            link = Link(url, patience=0.0)
            with pytest.raises(RedisUnavailable, match="refused the login") as caught:
                link.call("PING")
            assert right not in str(caught.value)
            link.close()

    def test_only_database_0_is_there(self, wire: Wire) -> None:
        assert wire.ask("SELECT", "0") == b"OK"
        assert "has database 0 only" in wire.ask("SELECT", "1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
class TestAnotherUser:
    NOBODY = 65534

    def connects(self, path: str) -> bool:
        code = (
            "import os, socket, sys\n"
            f"os.setgid({self.NOBODY}); os.setuid({self.NOBODY})\n"
            "s = socket.socket(socket.AF_UNIX)\n"
            "try:\n"
            "    s.connect(sys.argv[1])\n"
            "    s.sendall(b'*1\\r\\n$4\\r\\nPING\\r\\n')\n"
            "    data = s.recv(9)\n"
            "except OSError: data = b''\n"
            "sys.exit(0 if data else 1)\n"
        )
        return subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 0

    def test_cannot_enter_the_folder(self) -> None:
        with EmbeddedServer() as server:
            assert not self.connects(redis.connection.parse_url(server.url)["path"])

    def test_is_rejected_even_if_the_folder_is_open(self) -> None:
        with EmbeddedServer() as server:
            path = redis.connection.parse_url(server.url)["path"]
            os.chmod(os.path.dirname(path), 0o755)
            os.chmod(path, 0o777)
            assert not self.connects(path)
            wire = Wire(server)
            assert wire.ask("PING") == b"PONG"
            wire.close()


class TestStrangers:
    """Connections that have not given the password."""

    def test_they_have_little_time(self, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loop, "STRANGER_S", 0.05)
        silent = connect(password=False)
        assert silent.read() is None

    def test_there_are_few_and_the_oldest_is_dropped(
        self, connect: Connect, server: EmbeddedServer
    ) -> None:
        known = connect()
        crowd = [connect(password=False) for _ in range(loop.STRANGERS + 3)]
        running: Any = server._loop
        assert all(wire.read() is None for wire in crowd[:3])
        wait_until("the last is in", lambda: len(running._strangers) == loop.STRANGERS)
        late = connect()
        assert late.ask("PING") == known.ask("PING") == b"PONG"

    @pytest.mark.parametrize(
        "data",
        [
            b"*1\r\n$2000\r\n",
            b"*9\r\n",
            b"*3\r\n" + 2 * (b"$500\r\n" + b"x" * 500 + b"\r\n") + b"$400\r\n" + b"x" * 100,
            request(*3 * ["x" * 400]),
        ],
        ids=["a long argument", "many arguments", "one that is not complete", "one that is"],
    )
    def test_they_fill_no_memory(self, connect: Connect, data: bytes) -> None:
        wire = connect(password=False)
        reply = wire.send(data)
        assert reply.startswith("Protocol error: ")
        assert wire.read() is None

    def test_the_server_waits_for_a_free_file_descriptor(
        self, server: EmbeddedServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A listener that cannot accept stays readable, and the thread ran in circles."""
        running: Any = server._loop
        warnings: list[str] = []
        running._warn = warnings.append
        known = connect()
        tries: list[float] = []

        def full(self: socket.socket) -> None:
            tries.append(time.monotonic())
            if len(tries) < 3:
                raise OSError(errno.EMFILE, "Too many open files")
            monkeypatch.undo()
            raise BlockingIOError

        monkeypatch.setattr(loop, "NO_SOCKETS_S", 0.05)
        monkeypatch.setattr(socket.socket, "accept", full)
        late = raw_connection(server.url)
        wait_until("it is full", lambda: running._accepts_at)
        assert known.ask("PING") == b"PONG"
        late.sendall(request("AUTH", password_of(server)))
        assert late.recv(100) == b"+OK\r\n"
        late.close()
        assert len(tries) == 3
        assert tries[2] - tries[0] >= 0.1
        (warning,) = warnings
        assert "cannot accept more connections" in warning
        assert "Too many open files" in warning
        assert "ulimit -n" in warning
