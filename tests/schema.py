"""Checks that a namespace holds nothing but what ``flowkit/protocol/keys.py`` says it may hold."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import redis
from helpers import literally

from flowkit.protocol.keys import Keys

# The first word of a key's docstring there, and how Redis names that type.
TYPES = {
    "String": "string",
    "Hash": "hash",
    "List": "list",
    "Set": "set",
    "Sorted set": "zset",
    "Stream": "stream",
}
RUN_KEYS = ("run", "tasks", "results", "errors", "history", "logs", "inputs", "children")
MAY_EXPIRE = ("graph", "entry")
MUST_EXPIRE = ("cached", "app", "app_version", "progress", "takes")


def patterns(namespace: str) -> Iterator[tuple[str, re.Pattern[str], str]]:
    """Yield (method, pattern, Redis type) of each key of the schema; channels are no keys."""
    keys = Keys(namespace)
    for name, method in inspect.getmembers(keys, inspect.ismethod):
        if name.startswith("_"):
            continue
        kind = (method.__doc__ or "").partition(":")[0]
        if kind == "Channel":
            continue
        holes = ["\0"] * len(inspect.signature(method).parameters)
        pattern = re.escape(method(*holes)).replace(re.escape("\0"), "[^:]+")
        if name == "entry":  # the last part is the user's, and may be any text
            pattern = pattern.removesuffix("[^:]+") + ".*"
        yield name, re.compile(pattern, re.DOTALL), TYPES[kind]


def violations(server: redis.Redis, namespace: str) -> list[str]:
    """Return a sentence for each key that the schema does not allow, or that should not (or
    should) have a TTL: the keys of a finished run and cached results have one, a graph and an
    entry of a state store may, apps and their tokens have one, no other key has."""
    prefix = "{" + namespace + "}:"
    known = list(patterns(namespace))
    wrong: list[str] = []
    for raw in server.scan_iter(match=literally(prefix) + "*", count=1000):
        key, kind = raw.decode("utf-8", "surrogateescape"), server.type(raw).decode()
        expires = server.pttl(raw) >= 0
        roles = [name for name, pattern, of in known if pattern.fullmatch(key) and of == kind]
        if not roles:
            wrong.append(f"{key} ({kind}) is not in the schema")
        elif roles[0] in RUN_KEYS and expires != _is_over(server, key):
            wrong.append(f"{key} {'has a' if expires else 'lacks its'} TTL")
        elif roles[0] == "wake" and "@" in key:  # the tokens of an app
            wrong += [] if expires else [f"{key} lacks its TTL"]
        elif roles[0] in MUST_EXPIRE and not expires:
            wrong.append(f"{key} lacks its TTL")
        elif roles[0] not in (*RUN_KEYS, *MAY_EXPIRE, *MUST_EXPIRE) and expires:
            wrong.append(f"{key} has a TTL, and only runs, graphs, entries and caches may")
    return wrong


def strays(server: redis.Redis) -> list[str]:
    """Return the keys that lie in no namespace at all."""
    return [
        key.decode() for key in server.scan_iter(count=1000) if not re.match(rb"\{[^{}]+\}:", key)
    ]


def _is_over(server: redis.Redis, key: str) -> bool:
    run_key = ":".join(key.split(":")[:3])
    state, held = server.hmget(run_key, "state", "held")
    return state not in (b"running", None) and not held  # its parent needs its results
