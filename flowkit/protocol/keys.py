"""The schema: each key, its Redis type, who writes it, and when it is deleted. It is spelled once
in Python and once in ``lua/_lib/base.lua``; a test compares the two.

All keys of a namespace start with ``{namespace}:``. The braces are a hash tag: on a cluster, the
whole namespace is in one slot, so a script may use all of its keys. A namespace is therefore also
the unit of sharding.

The state of an unfinished run is never in a key with a TTL: the keys of a run get their TTL in the
step that ends it. Entries of state stores and cached results have the TTLs that their owners
chose. What is recorded of an app expires a day after its last worker, and the tokens that wake its
workers a day after the last one was added. The progress of a worker's tasks expires an hour after
its last report. No other key has a TTL.
"""

from __future__ import annotations

import re

from ..basics.names import NAMESPACE

# What an id that becomes part of a key, an entry or an event may contain. No comma and no blank:
# they separate the parts. No dot in a worker id: it separates a worker from its lanes.
# The key of one run must never equal the tasks key of another.
RUN_ID = re.compile(
    r"(?!.*:(?:tasks|results|errors|feed|history|logs|inputs|children)\Z)[A-Za-z0-9_.:\-]{1,128}"
)
# A colon ends the name of a state store. The name of an entry follows, which may be any text.
STATE_STORE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
ASYNC_LANE = "~async"
# The format of the data under these keys. The number is increased when an older release would
# damage, or could not use, what this one writes; see docs/reliability.md.
SCHEMA = 1


class Keys:
    """The key names of one namespace."""

    __slots__ = ("namespace", "prefix")

    def __init__(self, namespace: str) -> None:
        """Raises ValueError for an invalid namespace."""
        if not NAMESPACE.fullmatch(namespace):
            raise ValueError(
                f"{namespace!r} is not a valid namespace: use 1 to 64 letters, digits, '_', '-' "
                "or '.'"
            )
        self.namespace = namespace
        self.prefix = "{" + namespace + "}:"

    def schema(self) -> str:
        """String: the format of the namespace, a number. Written by the first daemon; a daemon of
        a newer release increases it."""
        return f"{self.prefix}schema"

    # -- runs ---------------------------------------------------------------------------------

    def graph(self, digest: str) -> str:
        """String: a compiled DAG by its SHA-256. Client; deleted with the last run that uses it."""
        return f"{self.prefix}graph:{digest}"

    def takes(self, digest: str) -> str:
        """Hash: `takes` → the run parameters of a compiled DAG. Client; TTL, which is that of the
        graph once its last run has ended. Only forms need it, so it may be missing."""
        return f"{self.prefix}graph:{digest}:takes"

    def graphs(self) -> str:
        """Hash: digest → number of unfinished runs, and digest! → when (ms) the last of the
        finished runs expires. Scripts; both fields are deleted with the last unfinished run."""
        return f"{self.prefix}graphs"

    def run(self, run: str) -> str:
        """Hash: the definition and the state of a run. Client and scheduler; TTL from its end."""
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

    def history(self, run: str) -> str:
        """Stream: attempts that were replaced, cancels, resumes. Scripts that make the change; the
        newest 5,000 entries; TTL from the run's end."""
        return f"{self.prefix}run:{run}:history"

    def logs(self, run: str) -> str:
        """Stream: lines that tasks printed, in chunks. Workers; the oldest are dropped above a
        bound. TTL from the run's end."""
        return f"{self.prefix}run:{run}:logs"

    def inputs(self, run: str) -> str:
        """Hash: what tasks get beside results. ``N.b``: block b of the elements that task N
        returned; ``N=``: the label of item N; ``N^``: the memory of task N, which comes again.
        Workers; TTL from the run's end."""
        return f"{self.prefix}run:{run}:inputs"

    def children(self, run: str) -> str:
        """Hash: N → the state of the calls of task N; N,ATTEMPT → the runs that it has called, see
        ``calls.py``. Scripts; TTL from the run's end."""
        return f"{self.prefix}run:{run}:children"

    def feed(self, run: str) -> str:
        """Channel: progress and end of a run. Never stored."""
        return f"{self.prefix}run:{run}:feed"

    def runs(self) -> str:
        """Sorted set: runs by the time of their submission. Removed by the janitor."""
        return f"{self.prefix}runs"

    def active(self) -> str:
        """Set: unfinished runs."""
        return f"{self.prefix}active"

    def dead(self) -> str:
        """Sorted set: ``run,task`` → when (ms) the task failed for good. The recorder of the
        failure; the newest 10,000 that have not been rerun, in runs that are kept."""
        return f"{self.prefix}dead"

    def cached(self, digest: str) -> str:
        """String: a packed result, empty for None, by the digest of a task's code and arguments.
        Equal tasks reuse it. Workers; TTL: the ``cache_ttl`` of the task."""
        return f"{self.prefix}cache:{digest}"

    # -- state stores -------------------------------------------------------------------------

    def state(self, store: str) -> str:
        """Sorted set: entries of a state store by when (ms) they expire, 0 for never. Its users;
        expired entries are removed on request, or when there are more than a thousand."""
        return f"{self.prefix}state:{store}"

    def entry(self, store: str, entry: str) -> str:
        """Hash: an entry: packed value, packed metadata, when (ms) it was set. The users of the
        store; TTL chosen by them."""
        return f"{self.prefix}state:{store}:{entry}"

    # -- queues: they can be rebuilt from the records -------------------------------------------

    def ready(self, ready_list: str, level: str) -> str:
        """List: ``run,task,attempt`` of one queue and lane at one priority level: of small runs,
        and attempts that were given back."""
        return f"{self.prefix}ready:{ready_list}:{level}"

    def turns(self, ready_list: str, level: str) -> str:
        """List: the runs with a backlog, in the order of their turns."""
        return f"{self.prefix}ready:{ready_list}:{level}+"

    def backlog(self, ready_list: str, level: str, run: str) -> str:
        """List: ``task,attempt`` of one run, which wait for its turn."""
        return f"{self.prefix}ready:{ready_list}:{level}:{run}"

    def parked(self, ready_list: str) -> str:
        """Set: the functions that only some workers of a queue have and that wait for these, in
        ready lists of their own."""
        return f"{self.prefix}ready:{ready_list}@"

    def levels(self) -> str:
        """Hash: ready list → levels that it has ever used, in the order of claiming; and under its
        name with + and @, whether it has ever had backlogs, and lists of functions."""
        return f"{self.prefix}levels"

    def wake(self, ready_list: str) -> str:
        """List: disposable tokens that wake idle claimers; at most 32. Those for the workers of
        one app (``LIST@APP``) have a TTL of a day."""
        return f"{self.prefix}wake:{ready_list}"

    def delayed(self) -> str:
        """Sorted set: attempts by the time when they are due."""
        return f"{self.prefix}delayed"

    def parents(self) -> str:
        """Set: ``run,task`` of the tasks that wait for runs which they have called. Scripts."""
        return f"{self.prefix}parents"

    # -- scheduler ------------------------------------------------------------------------------

    def events(self) -> str:
        """Stream: facts for the scheduler, trimmed up to its cursor."""
        return f"{self.prefix}events"

    def cursor(self) -> str:
        """String: the last event that was applied."""
        return f"{self.prefix}cursor"

    def quarantine(self) -> str:
        """List: the last hundred events that the scheduler could not read, newest first."""
        return f"{self.prefix}quarantine"

    def leader(self) -> str:
        """String: ``scheduler,term,deadline``: the lease of the only scheduler that may write."""
        return f"{self.prefix}leader"

    def terms(self) -> str:
        """Stream: term → scheduler that took the lease. Schedulers; the newest thousand."""
        return f"{self.prefix}terms"

    def layout(self) -> str:
        """String: ``position/count/first``: the position of this shard, the number of shards, and
        how many there were at first. The leading scheduler; the count only grows."""
        return f"{self.prefix}layout"

    def standby(self) -> str:
        """String: ``scheduler,shards,deadline``: the standby for the lease, how many shards its
        process leads, and until when (ms) this is valid. Schedulers of several shards."""
        return f"{self.prefix}standby"

    # -- workers --------------------------------------------------------------------------------

    def workers(self) -> str:
        """Sorted set: workers by the deadline of their lease."""
        return f"{self.prefix}workers"

    def worker(self, worker: str) -> str:
        """Hash: the description and the lanes of a worker. Deleted when the worker is retired."""
        return f"{self.prefix}worker:{worker}"

    def progress(self, worker: str) -> str:
        """Hash: ``run,task,attempt`` → how far it has got. The worker; deleted with the attempt and
        the worker, TTL: an hour after the last report."""
        return f"{self.prefix}worker:{worker}:progress"

    def apps(self) -> str:
        """Sorted set: apps of live workers by the deadline (ms) of the latest lease. Workers; apps
        without a live worker are removed by any heartbeat."""
        return f"{self.prefix}worker:@"

    def app(self, app: str) -> str:
        """Set: the functions of an app. Its workers; TTL: a day after the last heartbeat."""
        return f"{self.prefix}worker:@{app}"

    def app_version(self, app: str) -> str:
        """String: the version of an app. Its workers; TTL: a day after the last heartbeat."""
        return f"{self.prefix}worker:@{app}:version"

    def claims(self, lane: str) -> str:
        """Hash: ``run,task`` → claim, ``#`` → number of the last call. Deleted with the lane."""
        return f"{self.prefix}worker:{lane}:claims"

    def stops(self, lane: str) -> str:
        """Set: attempts that the lane must stop. Deleted when they end, or with the lane."""
        return f"{self.prefix}worker:{lane}:stops"


def ready_list(queue: str, *, is_async: bool) -> str:
    """Return the name of the ready list for a queue's sync or async tasks.

    They are separate because a worker has separate lanes for them, with separate capacity.
    """
    return queue + ASYNC_LANE if is_async else queue


def of_function(ready_list: str, function: str) -> str:
    """Return the list for attempts of a function (an id) that only some workers of it have."""
    return f"{ready_list}@{function}"


def base_of(ready_list: str) -> str:
    """Return the ready list that a list of a function belongs to, or the list itself."""
    return ready_list.partition("@")[0]


def queue_of(ready_list: str) -> str:
    """Return the queue that a ready list belongs to."""
    return base_of(ready_list).removesuffix(ASYNC_LANE)
