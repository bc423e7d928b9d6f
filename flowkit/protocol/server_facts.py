"""What a Redis server reports: version, persistence, memory.

All of it is optional: the embedded server does not answer INFO, a user may lack the right, managed
services leave fields out. A field that is missing or malformed is None. Nothing is written, and
CONFIG is never asked for, since it shows passwords.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..core.server_health import ServerFacts
from .link import Link
from .server_checks import read_info

MAX_TEXT = 100  # characters of a version or a policy
MAX_DIGITS = 18


def read_facts(link: Link) -> ServerFacts | None:
    """Return the facts, None if the server does not tell. Raises RedisUnavailable."""
    fields = read_info(link)
    if fields is None:
        return None
    aof = _number(fields, "aof_enabled")
    status = [fields.get("rdb_last_bgsave_status", "ok"), fields.get("aof_last_write_status", "ok")]
    return ServerFacts(
        version=_text(fields, "redis_version"),
        policy=_text(fields, "maxmemory_policy"),
        used=_number(fields, "used_memory"),
        limit=_number(fields, "maxmemory"),
        machine=_number(fields, "total_system_memory"),
        uptime_s=_number(fields, "uptime_in_seconds"),
        aof=None if aof is None else aof == 1,
        saved_at=_number(fields, "rdb_last_save_time"),
        changes=_number(fields, "rdb_changes_since_last_save"),
        is_saved=all(text.strip() == "ok" for text in status),
        is_replica=fields.get("role", "").strip() == "slave",
    )


def read_used_memory(link: Link) -> int | None:
    """Return the bytes that the server uses now, None if it does not tell."""
    fields = read_info(link, "memory")
    return None if fields is None else _number(fields, "used_memory")


def _number(fields: Mapping[str, str], name: str) -> int | None:
    text = fields.get(name, "").strip()
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= MAX_DIGITS else None


def _text(fields: Mapping[str, str], name: str) -> str | None:
    return fields.get(name, "").strip()[:MAX_TEXT] or None
