"""Checks of a running system: its Redis, its scheduler, its workers, its queues.

Each check reads, judges, and returns findings with the thing to do. ``measurements`` reads the
server for a second or longer; ``server`` judges it; ``system`` judges what runs on it. Nothing is
changed, and a check that cannot find something out says so instead of guessing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from ...core.finding import Finding, Health
from ...exceptions import NotPermitted, RedisUnavailable, StoreError
from ..queue_reading import queues_of
from ..shard import ShardConnection
from .measurements import measure
from .server import check_server
from .system import check_system


def examine(shards: Sequence[ShardConnection], seconds: float) -> list[Finding]:
    """Check all shards. ``seconds``: how long to measure each. See ``Client.doctor``.

    A shard that does not answer is a finding. Raises RedisUnavailable if there is only one.
    """
    findings: list[Finding] = []
    for shard in shards:
        where = shard.shard.shard_position if len(shards) > 1 else ""
        try:
            with shard.store() as store:
                of_shard = list(check_server(measure(store, seconds)))
                of_shard += _all_of(check_system(store, partial(queues_of, store)))
        except RedisUnavailable as error:
            if len(shards) == 1:
                raise
            of_shard = [Finding(Health.PROBLEM, "Redis", str(error))]
        findings += [replace(item, shard=where) for item in of_shard]
    return findings


def _all_of(checks: Iterator[Finding]) -> list[Finding]:
    """Return the findings up to the first that cannot be read, and why it cannot."""
    findings: list[Finding] = []
    try:
        findings.extend(checks)
    except RedisUnavailable:
        raise
    except NotPermitted as error:
        findings.append(Finding(Health.UNKNOWN, "Rights", str(error)))
    except StoreError as error:
        findings.append(Finding(Health.PROBLEM, "Data", str(error)))
    return findings
