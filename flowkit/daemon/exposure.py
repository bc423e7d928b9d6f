"""Warnings about a Redis that is open to strangers or has a known vulnerability.

A daemon checks once, when it starts. A server without a password that accepts other machines lets
anyone read all values, run tasks with arbitrary arguments and delete everything. A server with a
known hole in its scripting engine lets a user who may run scripts run code on the server. There is
no warning about a server that does not tell its settings or version (the user may not ask, or it is
the embedded store).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress

from ..configuration.redis_url import has_password, redact_url
from ..events.event import Listener
from ..events.redis import RedisExposed, RedisVulnerable
from ..exceptions import StoreError
from ..protocol.link import Link

# Since this version protected-mode applies with any `bind`; before, only without `bind`.
_PROTECTS_ALL = 7
_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})")


# The first release of each series with the fix of CVE-2025-49844 or, where known, of the later
# CVE-2026-23479. Missing series are newer or not known to be affected, except those of
# _NEVER_FIXED, whose support ended before.
_FIXED = {
    "redis": {(6, 2): 20, (7, 2): 11, (7, 4): 9, (8, 0): 4, (8, 2): 2, (8, 6): 3},
    "valkey": {(7, 2): 11, (8, 0): 8, (8, 1): 7, (9, 0): 4},
}
_NEVER_FIXED = {(6, 0), (7, 0)}


def warn_of_risks(link: Link, listener: Listener, *, patched: bool = False, **who: str) -> None:
    """Log a warning for each risk. Raises nothing.

    ``patched``: do not warn about the version. ``who``: fields that name the daemon.
    """
    with suppress(StoreError):
        info = _info(link)
        if not patched:
            _warn_if_vulnerable(link, info, listener, who)
        _warn_if_exposed(link, info, listener, who)


def vulnerable_version(info: str) -> str:
    """Return name and version of a server with a known hole, otherwise "". ``info``: its INFO."""
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    name = "valkey" if "valkey_version" in fields else "redis"
    version = fields.get(f"{name}_version", "").strip()
    match = _VERSION.fullmatch(version)
    if match is None:
        return ""
    major, minor, patch = map(int, match.groups())
    fixed = _FIXED[name].get((major, minor))
    is_old = (major, minor) in _NEVER_FIXED if fixed is None else patch < fixed
    return f"{name.capitalize()} {version}" if is_old else ""


def _warn_if_vulnerable(link: Link, info: str, listener: Listener, who: Mapping[str, str]) -> None:
    version = vulnerable_version(info)
    if version:
        where = redact_url(link.url)
        listener.hear(RedisVulnerable(redis=where, server_version=version, **who))


def _warn_if_exposed(link: Link, info: str, listener: Listener, who: Mapping[str, str]) -> None:
    """Raises StoreError."""
    how = _exposed_by(link, _major_version(info))
    if how:
        listener.hear(RedisExposed(redis=redact_url(link.url), reason=how, **who))


def _exposed_by(link: Link, version: int) -> str:
    """Return the settings that expose the server, "" if it is not exposed. Raises StoreError."""
    if has_password(link.url) or link.url.startswith("unix:"):
        return ""
    bind, protected = (_setting(link, name) for name in ("bind", "protected-mode"))
    addresses = [address.removeprefix("-") for address in bind.split()]
    protects = protected == "yes" and (version >= _PROTECTS_ALL or not addresses)
    beyond = any(not _is_loopback(address) for address in addresses) or (
        not addresses and version < _PROTECTS_ALL
    )
    return "" if protects or not beyond else f"bind {bind!r}, protected-mode {protected}"


def _setting(link: Link, name: str) -> str:
    pair = link.call("CONFIG", "GET", name)
    return bytes(pair[1]).decode("utf-8", "replace") if len(pair) == 2 else ""


def _info(link: Link) -> str:
    """Return the server's INFO. Only a version in it is ever shown."""
    return bytes(link.call("INFO", "server")).decode("utf-8", "replace")


def _major_version(info: str) -> int:
    _, _, rest = info.partition("redis_version:")
    major = rest.partition(".")[0]
    return int(major) if major.isdigit() else 0


def _is_loopback(address: str) -> bool:
    return address in ("::1", "localhost") or address.startswith("127.")
