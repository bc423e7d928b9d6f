"""The schema: each key, its Redis type, who writes it, and when it dies. Spelled once in Python
and once in ``lua/_lib/base.lua``; a test compares the two.

All keys of a namespace start with ``{namespace}:``. The braces are a hash tag: on a cluster the
whole namespace lies in one slot, so every script may touch every key of it. A namespace is
therefore also the unit of sharding.

No truth of a run lives only in a key with a TTL: its keys get one in the step that ends it. The
entries of a state store and cached results have the TTLs that their owners chose, and nothing else
ever has one.
"""

from __future__ import annotations

import re

# What may stand in an id that becomes part of a key, an entry or an event. No comma and no blank:
# those separate the parts. No dot in a worker id: it separates a worker from its lanes.
# And no run id may make the key of one run that of another's tasks.
RUN_ID = re.compile(r"(?!.*:(?:tasks|results|errors|feed)\Z)[A-Za-z0-9_.:\-]{1,128}")
NAMESPACE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
# A colon ends the name of a state store; what follows is an entry, which may be any text.
STATE_STORE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
ASYNC_LANE = "~async"
# The format of all that stands under these keys. It takes a new number when an older release would
# do harm, or could do nothing, with what this one writes; see docs/reliability.md.
SCHEMA = 1


class Keys:
    """The key names of one namespace."""

    __slots__ = ("namespace", "prefix")

    def __init__(self, namespace: str) -> None:
        """Raises ValueError for a namespace that a key could not hold."""
        if not NAMESPACE.fullmatch(namespace):
            raise ValueError(
                f"{namespace!r} is no namespace: use 1 to 64 letters, digits, '_', '-' or '.'"
            )
        self.namespace = namespace
        self.prefix = "{" + namespace + "}:"

    def schema(self) -> str:
        """String: the format that all of this is written in, a number. Whoever starts first; a
        daemon of a newer release raises it."""
        return f"{self.prefix}schema"

    # -- runs ---------------------------------------------------------------------------------

    def graph(self, digest: str) -> str:
        """String: a compiled DAG by its SHA-256. Client; dies with the last run that uses it."""
        return f"{self.prefix}graph:{digest}"

    def graphs(self) -> str:
        """Hash: digest → runs that are not over, and digest! → when (ms) the longest kept of those
        that are over goes. Scripts; both fields die when no run is left that is not over."""
        return f"{self.prefix}graphs"

    def run(self, run: str) -> str:
        """Hash: what a run is and how it stands. Client and scheduler; TTL from its end."""
        return f"{self.prefix}run:{run}"

    def tasks(self, run: str) -> str:
        """Hash: task number → record. Workers and scheduler; TTL from the run's end."""
        return f"{self.prefix}run:{run}:tasks"

    def results(self, run: str) -> str:
        """Hash: task number → packed result, absent for None. Workers; TTL from the run's end."""
        return f"{self.prefix}run:{run}:results"

    def errors(self, run: str) -> str:
        """Hash: task number → packed last error. Workers; TTL from the run's end."""
        return f"{self.prefix}run:{run}:errors"

    def feed(self, run: str) -> str:
        """Channel: progress and the end of a run. It is never stored."""
        return f"{self.prefix}run:{run}:feed"

    def runs(self) -> str:
        """Sorted set: runs by the time of their submission. Dropped by the janitor."""
        return f"{self.prefix}runs"

    def active(self) -> str:
        """Set: runs that are not over."""
        return f"{self.prefix}active"

    def dead(self) -> str:
        """Sorted set: ``run,task`` → when (ms) the task failed for good. Whoever records it; the
        newest 10,000 of those that have not been made again, in runs that are kept."""
        return f"{self.prefix}dead"

    def cached(self, digest: str) -> str:
        """String: a packed result, empty for None, that tasks of the same code and arguments reuse,
        by the digest of these. Workers; TTL as the task's ``cache_ttl`` says."""
        return f"{self.prefix}cache:{digest}"

    # -- state stores -------------------------------------------------------------------------

    def state(self, store: str) -> str:
        """Sorted set: entries of a state store by when (ms) they expire, 0 for never. Its users;
        what has expired goes when they ask for it, or when more than a thousand are kept."""
        return f"{self.prefix}state:{store}"

    def entry(self, store: str, entry: str) -> str:
        """Hash: an entry: packed value, packed metadata, when (ms) it was set. The users of the
        store; TTL as they chose."""
        return f"{self.prefix}state:{store}:{entry}"

    # -- hints: they can be rebuilt from the records --------------------------------------------

    def ready(self, ready_list: str, level: str) -> str:
        """List: attempts to claim, of one queue and lane, at one priority level."""
        return f"{self.prefix}ready:{ready_list}:{level}"

    def levels(self) -> str:
        """Hash: ready list → levels that it has ever used, first to claim first."""
        return f"{self.prefix}levels"

    def wake(self, ready_list: str) -> str:
        """List: disposable tokens that wake idle claimers; at most 32."""
        return f"{self.prefix}wake:{ready_list}"

    def delayed(self) -> str:
        """Sorted set: due time → attempt that waits for it."""
        return f"{self.prefix}delayed"

    # -- scheduler ------------------------------------------------------------------------------

    def events(self) -> str:
        """Stream: facts for the scheduler, trimmed up to its cursor."""
        return f"{self.prefix}events"

    def cursor(self) -> str:
        """String: the last event that has been applied."""
        return f"{self.prefix}cursor"

    def quarantine(self) -> str:
        """List: the last hundred events that the scheduler could not read, newest first."""
        return f"{self.prefix}quarantine"

    def leader(self) -> str:
        """String: ``scheduler,term,deadline``: the lease of the one scheduler that may write."""
        return f"{self.prefix}leader"

    def layout(self) -> str:
        """String: ``position/count/first``: which of how many shards this namespace is, and how
        many there were at first. The leading scheduler; the count only ever grows."""
        return f"{self.prefix}layout"

    def standby(self) -> str:
        """String: ``scheduler,shards,deadline``: who stands by for the lease, how many shards its
        process leads, and until when (ms) that counts. Schedulers of several shards."""
        return f"{self.prefix}standby"

    # -- workers --------------------------------------------------------------------------------

    def workers(self) -> str:
        """Sorted set: lease deadline → worker."""
        return f"{self.prefix}workers"

    def worker(self, worker: str) -> str:
        """Hash: what a worker is and which lanes it has. Dies when it is retired."""
        return f"{self.prefix}worker:{worker}"

    def claims(self, lane: str) -> str:
        """Hash: ``run,task`` → claim, and ``#`` → number of the last call. Dies with its lane."""
        return f"{self.prefix}worker:{lane}:claims"

    def stops(self, lane: str) -> str:
        """Set: attempts that the lane should stop. Dies with them or with the lane."""
        return f"{self.prefix}worker:{lane}:stops"


def ready_list(queue: str, *, is_async: bool) -> str:
    """Return the name of the ready list for a queue's sync or async tasks.

    The two are kept apart because a worker has separate lanes for them with separate capacity.
    """
    return queue + ASYNC_LANE if is_async else queue
