"""Which servers are known to be vulnerable."""

from __future__ import annotations

from typing import Any

import pytest

from flowkit.daemon.exposure import vulnerable_version, warn_of_risks
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog


@pytest.mark.parametrize(
    ("info", "shown"),
    [
        ("redis_version:6.2.19", "Redis 6.2.19"),
        ("redis_version:6.2.20", ""),
        ("redis_version:7.0.15", "Redis 7.0.15"),  # its series ended before the fix
        ("redis_version:7.2.10", "Redis 7.2.10"),
        ("redis_version:7.2.11", ""),
        ("redis_version:7.4.8", "Redis 7.4.8"),
        ("redis_version:7.4.9", ""),
        ("redis_version:8.0.3", "Redis 8.0.3"),
        ("redis_version:8.6.2", "Redis 8.6.2"),
        ("redis_version:8.6.10", ""),
        ("redis_version:10.0.0", ""),
        # Valkey continues calling itself Redis 7.2.4, for clients of before.
        ("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.7", ""),
        ("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.3", "Valkey 8.1.3"),
        ("redis_version:7.2.4\r\nvalkey_version:9.0.4", ""),
        ("", ""),
        ("redis_version:", ""),
        ("redis_version:unstable", ""),
        ("redis_version:7.2", ""),
        ("redis_version:7.2.4\x1b[2J", ""),
        ("redis_version:" + "9" * 5000 + ".0.0", ""),
        ("redis_version:٧.2.4", ""),
    ],
)
def test_a_version_is_known_to_be_vulnerable(info: str, shown: str) -> None:
    assert vulnerable_version(f"# Server\r\n{info}\r\nos:Linux") == shown


class OldServer:
    """Stands in for a Link to a vulnerable server, and notes what it is asked."""

    url = "redis://10.0.0.5:6379"

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def call(self, *words: str) -> Any:
        self.asked.append(words)
        if words[0] == "INFO":
            return b"# Server\r\nredis_version:7.0.15\r\n"
        return [words[2].encode(), b"yes" if words[2] == "protected-mode" else b""]


@pytest.mark.parametrize("patched", [False, True])
def test_a_version_is_warned_about_unless_marked_as_patched(
    patched: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    server: Any = OldServer()
    log = EventLog(FlowkitLogger("flowkit.test", "INFO"))
    warn_of_risks(server, log, patched=patched)
    said = capfd.readouterr()
    text = said.out + said.err
    assert ("is Redis 7.0.15" in text) is not patched
    assert ("set FLOWKIT_REDIS_PATCHED=true" in text) is not patched
    assert [words[0] for words in server.asked].count("INFO") == 1, "it is asked once"
    assert ("CONFIG", "GET", "bind") in server.asked, "an open Redis is warned of all the same"
