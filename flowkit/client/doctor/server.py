"""Judges a Redis server: version, persistence, eviction, memory, clock, latency, writes, format."""

from __future__ import annotations

from collections.abc import Iterator

from ...basics.pages import page
from ...basics.size_text import size_text
from ...clock import SYSTEM_CLOCK
from ...core.finding import Finding, Health
from ...core.server_health import Measurements, ServerFacts
from ...protocol.keys import SCHEMA

# Of the memory that there is, from which on it is a warning, and a problem.
MUCH, TOO_MUCH = 0.8, 0.95
SOON_S, VERY_SOON_S, LATER_S = 3600.0, 600.0, 86_400.0  # until the memory is full
LEAST_GROWTH = 200_000  # bytes; less may be the buffer of a connection
CLOCK_S = 2.0
SLOW_S, VERY_SLOW_S = 0.005, 0.050
OLD_SNAPSHOT_S = 3600


def check_server(measured: Measurements) -> Iterator[Finding]:
    """Yield a finding for each subject."""
    facts = measured.facts
    if facts is None:
        yield Finding(
            Health.UNKNOWN,
            "Redis",
            "It tells nothing of its version, persistence and memory: it is the embedded store, or "
            "this user may not send INFO.",
        )
    else:
        yield Finding(Health.OK, "Redis", f"Version {facts.version or 'unknown'}.")
        yield _persistence(facts)
        yield _eviction(facts)
        yield _memory(facts, measured)
    yield _clock(measured.ahead)
    yield _latency(measured)
    yield _writes(measured.refusal)
    yield _format(measured.schema)


def _persistence(facts: ServerFacts) -> Finding:
    subject = "Persistence"
    advice = f"Set 'appendonly yes' in redis.conf: {page('howto/moving-to-redis.md')}"
    if not facts.is_saved:
        text = (
            "Redis cannot save its data: its last snapshot or write to the append-only file failed."
        )
        return Finding(Health.PROBLEM, subject, text, "See the log of Redis: is its disk full?")
    if facts.aof:
        text = "Redis appends each write to a file, so a restart loses at most about a second."
        return Finding(Health.OK, subject, text)
    if facts.saved_at is None or facts.aof is None:
        return Finding(Health.UNKNOWN, subject, "Redis does not tell how it keeps its data.")
    age = max(0.0, SYSTEM_CLOCK.wall() - facts.saved_at)
    changes = f"; unsaved writes: {facts.changes:,}" if facts.changes else ""
    ago = f"{rough(age)} ago"
    if facts.uptime_s is not None and age >= facts.uptime_s - 2:
        text = (
            f"Redis has saved nothing since its start {ago}{changes}: a restart may lose all runs."
        )
    else:
        text = (
            f"Redis saves snapshots, the last one {ago}{changes}: a crash loses what "
            "was written since the last one."
        )
    return Finding(Health.WARNING, subject, text, advice)


def _eviction(facts: ServerFacts) -> Finding:
    subject = "Eviction"
    if facts.policy is None:
        return Finding(Health.UNKNOWN, subject, "Redis does not tell its maxmemory-policy.")
    if facts.policy == "noeviction":
        return Finding(Health.OK, subject, "Redis never deletes keys to get memory (noeviction).")
    text = (
        f"maxmemory-policy is {facts.policy}: when its memory is full, Redis deletes keys, "
        "including queues and results."
    )
    return Finding(Health.PROBLEM, subject, text, "Set 'maxmemory-policy noeviction'.")


def _memory(facts: ServerFacts, measured: Measurements) -> Finding:
    subject, limit = "Memory", facts.limit or facts.machine
    if facts.used is None or not limit:
        return Finding(Health.UNKNOWN, subject, "Redis does not tell how much memory it may use.")
    share = facts.used / limit
    of = "its limit of" if facts.limit else "the machine's"
    text = f"{size_text(facts.used)} of {of} {size_text(limit)} ({share:.0%}). "
    left = _seconds_left(limit - facts.used, measured)
    if left is None:
        text += f"It hardly grew in {measured.took:.0f} s, so it is unknown when it is full."
    else:
        rate = size_text(int((measured.grown or 0) / measured.took))
        text += f"At the growth of the last {measured.took:.0f} s, {rate}/s, it is full in about "
        text += f"{rough(left)}."
    if not facts.limit:
        text += " No maxmemory is set: without memory, the system may kill Redis."
    soon = LATER_S * 2 if left is None else left
    if share >= TOO_MUCH or soon < VERY_SOON_S:
        health = Health.PROBLEM
    elif share >= MUCH or soon < SOON_S:
        health = Health.WARNING
    else:
        return Finding(Health.OK, subject, text)
    advice = (
        "See what takes it with 'flowkit usage', delete runs with 'flowkit purge', keep runs for "
        f"a shorter time (FLOWKIT_RESULT_TTL), or give Redis more: {page('howto/memory.md')}"
    )
    return Finding(health, subject, text, advice)


def _seconds_left(free: int, measured: Measurements) -> float | None:
    """Return when the memory is full at this growth, None if that is not within a day."""
    if measured.grown is None or measured.grown < LEAST_GROWTH or measured.took <= 0:
        return None
    left = max(0, free) * measured.took / measured.grown
    return left if left < LATER_S else None


def _clock(ahead: float) -> Finding:
    which = "ahead of" if ahead > 0 else "behind"
    text = f"The clock of Redis is {abs(ahead):.3f} s {which} that of this machine"
    if abs(ahead) < CLOCK_S:
        return Finding(Health.OK, "Clock", f"{text}.")
    text += ": times in logs and lists differ. Leases and retries only use the clock of Redis."
    return Finding(Health.WARNING, "Clock", text, "Let NTP set the clocks of both machines.")


def _latency(measured: Measurements) -> Finding:
    text = (
        f"A round trip takes {1000 * measured.latency:.2f} ms (median), "
        f"{1000 * measured.slowest:.2f} ms at most."
    )
    if measured.latency < SLOW_S:
        return Finding(Health.OK, "Latency", text)
    health = Health.PROBLEM if measured.latency >= VERY_SLOW_S else Health.WARNING
    text += " Each step of a run takes several of them."
    advice = "Run the scheduler and the workers near Redis, and see whether Redis is overloaded."
    return Finding(health, "Latency", text, advice)


def _writes(refusal: str | None) -> Finding:
    subject = "Writes"
    if refusal is None:
        return Finding(Health.UNKNOWN, subject, "This user may only read, so no write was tried.")
    if not refusal:
        return Finding(Health.OK, subject, "Redis accepts writes.")
    return Finding(Health.PROBLEM, subject, f"Redis refuses writes, so no run proceeds: {refusal}")


def _format(stored: bytes | None) -> Finding:
    subject = "Namespace"
    if stored is None:
        return Finding(Health.UNKNOWN, subject, "It is empty: no daemon has ever used it.")
    known = stored.decode("ascii", "backslashreplace")[:20]
    text = f"Format {known}; this release knows formats up to {SCHEMA}."
    return Finding(Health.OK, subject, text)


def rough(seconds: float) -> str:
    """Return a duration in one unit: "40 s", "3 min", "5 h", "12 days"."""
    for length, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
