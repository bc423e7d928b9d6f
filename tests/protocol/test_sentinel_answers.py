"""What a sentinel answers is read strictly: an answer of another kind is no answer.

One that named the port "abc" ended the parent of a worker, whose next try was to ask again.
"""

from __future__ import annotations

import pytest
import redis.exceptions as rx

from flowkit.configuration.redis_url import split_sentinel_url
from flowkit.protocol.sentinel import Sentinels, _greet

WRONG = [
    [b"127.0.0.1", b"abc"],
    [b"127.0.0.1", b"9" * 5000],
    [b"127.0.0.1", b"0"],
    [b"127.0.0.1", b"65536"],
    [b"\xff\xfe", b"6379"],
    [b"a" * 70, b"6379"],
    [b"..x", b"6379"],
    [b"host name", b"6379"],
    [b"127.0.0.1"],
    [b"127.0.0.1", b"6379", b"more"],
    [1, 2],
    [],
    5,
    b"x",
]


def asked(monkeypatch: pytest.MonkeyPatch, *replies: object) -> Sentinels:
    """Return sentinels of which each answers with one of these."""
    hosts = ",".join(f"s{number}:26379" for number in range(len(replies)))
    sentinels = Sentinels(split_sentinel_url(f"redis+sentinel://{hosts}/mymaster"), {})
    answers = {f"s{number}": reply for number, reply in enumerate(replies)}
    monkeypatch.setattr(sentinels, "_ask", lambda host, port: answers[host])
    return sentinels


@pytest.mark.parametrize("reply", WRONG, ids=lambda reply: ascii(reply)[:30])
def test_after_a_wrong_answer_the_next_one_is_asked(
    monkeypatch: pytest.MonkeyPatch, reply: object
) -> None:
    result = asked(monkeypatch, reply, [b"db-1.example.com", b"6379"]).master()
    assert result == ("db-1.example.com", 6379)
    with pytest.raises(rx.ConnectionError, match="its answer is not an address"):
        asked(monkeypatch, reply).master()


def test_addresses_and_names_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("10.0.0.5", "::1", "fe80::1%eth0", "redis_1", "a" * 63 + ".example"):
        assert asked(monkeypatch, [host.encode(), b"6379"]).master() == (host, 6379)
    with pytest.raises(rx.ConnectionError, match="knows no master with that name"):
        asked(monkeypatch, None).master()


@pytest.mark.parametrize("reply", [[], 5, None, b"master", [b"slave"], [5]])
def test_a_server_that_does_not_report_as_master_is_not_used(reply: object) -> None:
    class Connection:
        host, port = "h", 1

        def on_connect(self) -> None: ...
        def send_command(self, *words: object, **options: object) -> None: ...
        def read_response(self) -> object:
            return reply

    with pytest.raises(rx.ConnectionError, match="is not the master now"):
        _greet(Connection())
