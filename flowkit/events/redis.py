"""Events of the Redis that a daemon or a program uses: outages, settings, risks.

``worker``, ``scheduler``: the daemon that noticed it. ``redis``: the URL, without passwords.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..basics.log_level import LogLevel
from ..basics.pages import SECURE_REDIS, page
from .event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class _ByDaemon(Event):
    worker: str | None = None
    scheduler: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAway(_ByDaemon):
    """Redis does not answer. Repeated every 30 s, and immediately if the cause changes."""

    event_name: ClassVar[str] = "redis_away"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"reason"})

    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Waiting for Redis: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisBack(_ByDaemon):
    """Redis answers again."""

    event_name: ClassVar[str] = "redis_back"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"duration"})

    duration: float

    def message(self) -> str:
        """Return the text of the line."""
        return f"Redis answers again after {self.duration} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUnfit(Event):
    """Redis was configured to delete keys when its memory is full. Scheduler, every minute.

    ``reason``: what may happen, and what to do about it.
    """

    event_name: ClassVar[str] = "redis_unfit"
    level: ClassVar[LogLevel] = LogLevel.ERROR
    told: ClassVar[frozenset[str]] = frozenset({"reason"})

    policy: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"{self.reason}: active runs are at risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisFit(Event):
    """Redis no longer deletes keys. Scheduler."""

    event_name: ClassVar[str] = "redis_fit"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM

    def message(self) -> str:
        """Return the text of the line."""
        return "Redis no longer deletes keys when its memory is full"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisExposed(_ByDaemon):
    """Redis accepts commands from other machines without a password.

    ``reason``: the settings that expose it.
    """

    event_name: ClassVar[str] = "redis_exposed"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"redis", "reason"})

    redis: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"Redis at {self.redis} takes commands from other machines without a "
            f"password ({self.reason}). Set a password, if possible a user for each role, or let "
            f"it listen on 127.0.0.1 only: see {page(SECURE_REDIS)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisVulnerable(_ByDaemon):
    """The version of Redis has known vulnerabilities."""

    event_name: ClassVar[str] = "redis_vulnerable"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"redis", "server_version"})

    redis: str
    server_version: str

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"Redis at {self.redis} is {self.server_version}, which may let a user who can run "
            "scripts run code on the server (CVE-2025-49844 and later ones). Upgrade it. If it is "
            "a package of your distribution that has the fixes, set FLOWKIT_REDIS_PATCHED=true: "
            f"see {page(SECURE_REDIS, 'versions')}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSUnchecked(Event):
    """The URL turns off a check of the certificate. Once per URL and process."""

    event_name: ClassVar[str] = "tls_unchecked"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"redis", "reason"})

    redis: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"Redis at {self.redis} has no protection against impostors, because of "
            f"{self.reason}. See {page(SECURE_REDIS, 'tls')}"
        )
