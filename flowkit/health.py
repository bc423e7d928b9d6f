"""Health checks of the daemons, for containers: ``python -P -m flowkit.health scheduler|worker``.

They prove that the role works, as the rest of the system sees it, not just that a process exists:
a scheduler leads in this namespace, or a worker of this host has a lease that holds. Redis and the
namespace come from the same settings as the daemons' own. Of several shards each is asked; one that
does not answer is told of and does not count, unless none does: to start a daemon anew that serves
the others would not bring it back.

One line says what was found. Exit code 0: healthy; 1: not, or Redis does not answer; 2: wrong use.
Nothing is written to Redis, and nothing is retried: whoever asks will ask again.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Sequence

from .at_once import ask_at_once
from .core.display_text import escape_text
from .exceptions import FlowkitError, RedisUnavailable
from .protocol.client_store import ClientStore
from .protocol.link import Link
from .protocol.shards import Shard
from .settings import load_settings

ANSWER_S = 3.0  # for all answers; docker-compose.yml gives the whole check five seconds
_USAGE = "usage: python -P -m flowkit.health scheduler|worker"


class UnhealthyError(FlowkitError):
    """What is wrong with the role, in one sentence."""


def check_scheduler(store: ClientStore) -> str:
    """Return what was found. Raises UnhealthyError if no scheduler leads."""
    if not store.has_leader():
        raise UnhealthyError("no scheduler leads in this namespace")
    return "a scheduler leads"


def check_worker(store: ClientStore, host: str | None = None) -> str:
    """Return what was found. ``host``: this one's name by default. Raises UnhealthyError."""
    wanted = socket.gethostname() if host is None else host
    alive = [one.worker for one in store.alive_workers() if one.host == wanted]
    if not alive:
        raise UnhealthyError(f"no worker on host {wanted!r} has a lease that holds")
    return f"worker {', '.join(alive)} on {wanted} holds its lease"


CHECKS: dict[str, Callable[[ClientStore], str]] = {
    "scheduler": check_scheduler,
    "worker": check_worker,
}


def main(words: Sequence[str]) -> int:
    """Check the role named in ``words``; print what was found and return the exit code."""
    if len(words) != 1 or words[0] not in CHECKS:
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        settings = load_settings()
        if settings.redis_url is None:
            raise UnhealthyError("FLOWKIT_REDIS_URL is not set")
        print(escape_text(_found(CHECKS[words[0]], settings.shards)))
    except FlowkitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _found(check: Callable[[ClientStore], str], shards: Sequence[Shard]) -> str:
    """Return what a check finds in each shard. Raises what it raises of one that answers."""

    def ask(shard: Shard) -> str:
        link = Link(shard.url, name="flowkit-health", patience=0.0, read_timeout=ANSWER_S)
        try:
            return check(ClientStore(link, shard.namespace))
        except UnhealthyError as error:
            raise UnhealthyError(f"{_where(shard)}{error}") from None

    found = ask_at_once(ask, shards, ANSWER_S)
    away = [one for one in found if isinstance(one, RedisUnavailable)]
    if len(away) == len(shards):
        raise away[0]
    return "; ".join(f"{_where(shard)}{one}" for shard, one in zip(shards, found, strict=True))


def _where(shard: Shard) -> str:
    return f"shard {shard.layout}: " if shard.count > 1 else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
