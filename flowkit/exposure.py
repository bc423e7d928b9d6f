"""A warning about a Redis that anybody can write to: no password, and open to other machines.

Asked once, when a daemon starts. Whoever reaches such a server can read all values, have tasks run
with arguments of their choice and delete everything. A server that does not tell how it listens
(a login that may not ask, the embedded one) is not warned about.
"""

from __future__ import annotations

from .exceptions import StoreError
from .logging import FlowkitLogger, LogLevel
from .protocol.link import Link
from .protocol.redis_url import has_password, redact_url

# From this version on protected-mode holds whatever `bind` says; before, only without one.
_PROTECTS_ALL = 7


def warn_if_exposed(link: Link, log: FlowkitLogger, **who: object) -> None:
    """Log a warning if that is so; ``who``: fields that name the daemon. Raises nothing."""
    try:
        how = _exposed_by(link)
    except StoreError:
        return
    if how:
        message = (
            f"Redis at {redact_url(link.url)} takes commands from other machines without a "
            f"password ({how}). Set one, best a user for each role, or let it listen on 127.0.0.1 "
            "only: see docs/howto/secure-redis.md"
        )
        log.event(LogLevel.WARNING, "redis_exposed", message, **who)


def _exposed_by(link: Link) -> str:
    """Return the settings that open it, "" if it is not open. Raises StoreError."""
    if has_password(link.url) or link.url.startswith("unix:"):
        return ""
    bind, protected = (_setting(link, name) for name in ("bind", "protected-mode"))
    version = _version(link)
    addresses = [address.removeprefix("-") for address in bind.split()]
    protects = protected == "yes" and (version >= _PROTECTS_ALL or not addresses)
    beyond = any(not _is_loopback(one) for one in addresses) or (
        not addresses and version < _PROTECTS_ALL
    )
    return "" if protects or not beyond else f"bind {bind!r}, protected-mode {protected}"


def _setting(link: Link, name: str) -> str:
    pair = link.call("CONFIG", "GET", name)
    return bytes(pair[1]).decode("utf-8", "replace") if len(pair) == 2 else ""


def _version(link: Link) -> int:
    info = bytes(link.call("INFO", "server")).decode("utf-8", "replace")
    _, _, rest = info.partition("redis_version:")
    major = rest.partition(".")[0]
    return int(major) if major.isdigit() else 0


def _is_loopback(address: str) -> bool:
    return address in ("::1", "localhost") or address.startswith("127.")
