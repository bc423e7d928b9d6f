"""Health checks of the daemons, for containers.

``python -P -m flowkit.daemon.health scheduler|worker`` runs them.

They prove that the role works for the rest of the system, not just that a process exists: a
scheduler leads in this namespace, or a worker on this host has a valid lease. Redis and namespace
come from the same settings as those of the daemons. With several shards, each is checked. A shard
that does not answer is reported, but the check only fails if no shard answers: restarting a daemon
that serves the other shards would not bring the shard back.

The output is one line. Exit codes: 0: healthy; 1: not healthy, or Redis does not answer; 2: wrong
usage. The check writes nothing to Redis and retries nothing, since it is repeated anyway.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Sequence

from ..basics.display_text import escape_text
from ..configuration.shards import Shard
from ..exceptions import FlowkitError, RedisUnavailable
from ..protocol.ask_all import ask_at_once
from ..protocol.client_store import ClientStore
from ..protocol.link import Link
from ..settings import load_settings

ANSWER_S = 3.0  # for all answers; docker-compose.yml gives the whole check five seconds
_USAGE = "usage: python -P -m flowkit.daemon.health scheduler|worker"


class UnhealthyError(FlowkitError):
    """The role does not work. The text says why in one sentence."""


def check_scheduler(store: ClientStore) -> str:
    """Return the result in words. Raises UnhealthyError if no scheduler leads."""
    if not store.has_leader():
        raise UnhealthyError("no scheduler leads in this namespace")
    return "a scheduler leads"


def check_worker(store: ClientStore, host: str | None = None) -> str:
    """Return the result in words. ``host``: by default this host. Raises UnhealthyError."""
    wanted = socket.gethostname() if host is None else host
    alive = [info.worker for info in store.alive_workers() if info.host == wanted]
    if not alive:
        raise UnhealthyError(f"no worker on host {wanted!r} has a valid lease")
    return f"worker {', '.join(alive)} on {wanted} holds its lease"


CHECKS: dict[str, Callable[[ClientStore], str]] = {
    "scheduler": check_scheduler,
    "worker": check_worker,
}


def main(words: Sequence[str]) -> int:
    """Check the role named in ``words``; print the result and return the exit code."""
    if len(words) != 1 or words[0] not in CHECKS:
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        settings = load_settings()
        if settings.redis_url is None:
            raise UnhealthyError("FLOWKIT_REDIS_URL is not set")
        print(escape_text(_check_all(CHECKS[words[0]], settings.shards)))
    except FlowkitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _check_all(check: Callable[[ClientStore], str], shards: Sequence[Shard]) -> str:
    """Return the results of all shards. Raises what the check raises for a shard that answers."""

    def ask(shard: Shard) -> str:
        link = Link(shard.url, name="flowkit-health", patience=0.0, read_timeout=ANSWER_S)
        try:
            return check(ClientStore(link, shard.namespace))
        except UnhealthyError as error:
            raise UnhealthyError(f"{_where(shard)}{error}") from None

    answers = ask_at_once(ask, shards, ANSWER_S)
    away = [answer for answer in answers if isinstance(answer, RedisUnavailable)]
    if len(away) == len(shards):
        raise away[0]
    pairs = zip(shards, answers, strict=True)
    return "; ".join(f"{_where(shard)}{answer}" for shard, answer in pairs)


def _where(shard: Shard) -> str:
    return f"shard {shard.shard_position}: " if shard.count > 1 else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
