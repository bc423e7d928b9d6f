"""Small tools that tests of all kinds share."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis

T = TypeVar("T")
EXPIRING = "(expiring)"
GONE = -2  # what PTTL answers for a key that does not exist


def wait_until(description: str, condition: Callable[[], T], deadline: float = 20.0) -> T:
    """Return the first true value of ``condition()``; fail after ``deadline`` seconds.

    A test that waits names what it waits for, so that its failure says what did not happen.
    """
    end = time.monotonic() + deadline
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"after {deadline:g} s it is still not so that {description}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


class Hands:
    """A clock that a test moves: what ``time.time`` or ``time.monotonic`` says."""

    def __init__(self, now: float = 1_700_000_000.25) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def raw_connection(url: str) -> socket.socket:
    """Return a socket that is connected to the Redis at a URL, by its port or its unix socket."""
    parts: dict[str, Any] = redis.connection.parse_url(url)
    if "path" not in parts:
        return socket.create_connection((parts["host"], parts["port"]), timeout=20)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(parts["path"])
    return connection


def request(*words: str | bytes) -> bytes:
    """Return a command as it is sent to Redis."""
    fields = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(fields) + b"".join(
        b"$%d\r\n%b\r\n" % (len(field), field) for field in fields
    )


def dump(url: str, namespace: str) -> dict[str, Any]:
    """Return all that a namespace holds: key (without its prefix) → value as plain Python.

    Numbers stay text, as Redis has them. Events come without their ids, which are times. Under
    ``EXPIRING`` stand the names of the keys that have a TTL. A key that expires meanwhile is left
    out.
    """
    prefix = "{" + namespace + "}:"
    result: dict[str, Any] = {}
    expiring: list[str] = []
    with redis.Redis.from_url(url, protocol=2) as server:
        for key in sorted(server.scan_iter(match=literally(prefix) + "*", count=1000)):
            name = key.decode()[len(prefix) :]
            read = _READERS.get(server.type(key).decode(), lambda server, key: None)
            value, left_ms = read(server, key), server.pttl(key)
            if left_ms == GONE:
                continue
            result[name] = value
            if left_ms >= 0:
                expiring.append(name)
    result[EXPIRING] = sorted(expiring)
    return result


def literally(text: str) -> str:
    return "".join(f"[{char}]" if char in "*?[]" else char for char in text)


def _text(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _hash(server: redis.Redis, key: bytes) -> dict[str, str]:
    return {_text(field): _text(value) for field, value in server.hgetall(key).items()}


_READERS: dict[str, Callable[[redis.Redis, bytes], Any]] = {
    "string": lambda server, key: _text(server.get(key)),
    "hash": _hash,
    "list": lambda server, key: [_text(item) for item in server.lrange(key, 0, -1)],
    "set": lambda server, key: {_text(item) for item in server.smembers(key)},
    "zset": lambda server, key: {
        _text(item): int(score) for item, score in server.zrange(key, 0, -1, withscores=True)
    },
    "stream": lambda server, key: [
        {_text(kind): _text(text) for kind, text in fields.items()}
        for _, fields in server.xrange(key)
    ],
}
