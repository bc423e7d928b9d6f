"""How measurements of a server are judged: each with what it means and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowkit.client.doctor.server import check_server, rough
from flowkit.clock import SYSTEM_CLOCK
from flowkit.core.finding import Finding, Health, worst
from flowkit.core.server_health import Measurements, ServerFacts

MB = 10**6
FACTS = ServerFacts(
    version="7.0.15",
    policy="noeviction",
    used=10 * MB,
    limit=100 * MB,
    machine=1000 * MB,
    uptime_s=7200,
    aof=True,
    saved_at=0,
    changes=5,
    is_saved=True,
    is_replica=False,
)
WELL = Measurements(FACTS, 0, 1.0, 0.0002, 0.001, 0.0, "", b"1")


def judged(subject: str, measured: Measurements = WELL, **facts: Any) -> Finding:
    if facts:
        measured = replace(measured, facts=replace(FACTS, **facts))
    (finding,) = [item for item in check_server(measured) if item.subject == subject]
    return finding


def test_a_server_that_is_well() -> None:
    findings = list(check_server(WELL))
    assert {item.health for item in findings} == {Health.OK}
    assert all(item.text and not item.advice for item in findings)
    assert worst(findings) is Health.OK


@pytest.mark.parametrize(
    ("grown", "health", "words"),
    [
        (None, Health.OK, "it is unknown when it is full"),
        (-MB, Health.OK, "it is unknown when it is full"),
        (100_000, Health.OK, "it is unknown when it is full"),
        (200_000, Health.PROBLEM, "200.0 kB/s, it is full in about 8 min"),
        (MB, Health.PROBLEM, "1.0 MB/s, it is full in about 90 s"),
    ],
)
def test_when_memory_is_full_is_told_from_two_readings(
    grown: int | None, health: Health, words: str
) -> None:
    finding = judged("Memory", replace(WELL, grown=grown))
    assert finding.health is health
    assert words in finding.text
    assert bool(finding.advice) is (health is not Health.OK)


def test_memory_that_is_nearly_full() -> None:
    assert judged("Memory", used=85 * MB).health is Health.WARNING
    assert judged("Memory", used=99 * MB).health is Health.PROBLEM
    slow = replace(WELL, grown=200_000, took=10.0)
    assert judged("Memory", slow).health is Health.OK
    unlimited = judged("Memory", limit=0)
    assert unlimited.health is Health.OK
    assert "No maxmemory is set" in unlimited.text
    assert judged("Memory", limit=0, machine=None).health is Health.UNKNOWN
    assert judged("Memory", used=None).health is Health.UNKNOWN


def test_persistence() -> None:
    now = int(SYSTEM_CLOCK.wall())
    never = judged("Persistence", aof=False, saved_at=now - 7200)
    assert never.health is Health.WARNING
    assert "has saved nothing since its start 2 h ago; unsaved writes: 5" in never.text
    snapshots = judged("Persistence", aof=False, saved_at=now - 600)
    assert "the last one 10 min ago" in snapshots.text
    assert judged("Persistence", is_saved=False).health is Health.PROBLEM
    assert judged("Persistence", aof=False, saved_at=None).health is Health.UNKNOWN


def test_the_rest() -> None:
    assert judged("Eviction", policy=None).health is Health.UNKNOWN
    assert judged("Eviction", policy="allkeys-lru").health is Health.PROBLEM
    assert judged("Clock", replace(WELL, ahead=-3.0)).health is Health.WARNING
    assert "3.000 s behind" in judged("Clock", replace(WELL, ahead=-3.0)).text
    assert judged("Latency", replace(WELL, latency=0.01)).health is Health.WARNING
    assert judged("Latency", replace(WELL, latency=0.1)).health is Health.PROBLEM
    assert judged("Writes", replace(WELL, refusal=None)).health is Health.UNKNOWN
    assert judged("Writes", replace(WELL, refusal="full")).health is Health.PROBLEM
    assert judged("Namespace", replace(WELL, schema=None)).health is Health.UNKNOWN
    assert "\\xff" in judged("Namespace", replace(WELL, schema=b"\xff" * 1000)).text
    assert judged("Redis", replace(WELL, facts=None)).health is Health.UNKNOWN


def test_durations_are_rough() -> None:
    assert [rough(s) for s in (5, 130, 8000, 200_000)] == ["5 s", "2 min", "2 h", "2 days"]


def test_the_worst_finding_counts() -> None:
    assert worst([Finding(Health.UNKNOWN, "a", "b")]) is Health.OK
    both = [Finding(Health.WARNING, "a", "b"), Finding(Health.PROBLEM, "a", "b")]
    assert worst(both) is Health.PROBLEM
