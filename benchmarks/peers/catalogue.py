"""The peers: what is installed for each, its settings, and what it cannot do.

The settings are the best known for two processes on one machine, found by experiment. The
documentation shows them unchanged. A peer gets a smaller size if the usual one would take minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Peer:
    """``pins``: empty for a peer that runs in this environment. ``cannot``: workload → why."""

    title: str
    settings: str
    fan_in: str
    pins: tuple[str, ...] = ()
    cannot: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The version of the peer; empty for flowkit and the hand-written loop."""
        return self.pins[0].partition("==")[2] if self.pins else ""


NO_DAG = {"layered": "no DAG"}
NO_REDIS = {"memory": "keeps nothing in Redis"}
BY_COUNTER = (
    "none built in: results in a Redis list, counted by hand; the last task sends the fan-in"
)
# Twenty thousand would take most of a minute, three times.
FEWER = {"fan-out-large": 5_000}

PEERS = {
    "flowkit": Peer(
        "flowkit",
        "one scheduler, one worker with two child processes; default settings, log at WARNING; "
        "sleeps: `--concurrency 500`",
        "a task with many upstream tasks",
    ),
    "ceiling": Peer(
        "by hand",
        "redis-py and msgpack, two processes that take up to 50 tasks at a time from a list; "
        "no lease, no retry, no record: if a process dies, its tasks are lost",
        "a hash of counters, counted down by the workers",
    ),
    "celery": Peer(
        "Celery",
        "two workers with `--pool solo`, which is faster than prefork for short tasks; "
        "prefetch 64, results in Redis only where they are needed, no gossip, mingle, "
        "heartbeat or events; sleeps: `--pool threads`, 100 each, which is faster here than "
        "gevent",
        "its chord, counted in Redis",
        ("celery[redis]==5.7.0", "redis==8.1.0", "hiredis==3.5.0"),
        NO_DAG,
        {"fan-out-large": 2_000},
    ),
    "dramatiq": Peer(
        "Dramatiq",
        "`--processes 2 --threads 4`; prefetch 200, because the default (twice the threads) "
        "asks Redis too often; results in Redis only where they are needed; sleeps: 64 threads "
        "each, which is faster here than more threads",
        "a group; the client takes its results and sends the fan-in",
        ("dramatiq[redis]==2.2.1", "redis==8.1.0", "hiredis==3.5.0"),
        NO_DAG,
    ),
    "rq": Peer(
        "RQ",
        "two `SimpleWorker`, which do not fork for each job; `enqueue_many`, quiet; results of "
        "single tasks are not kept",
        "`depends_on`; the fan-in fetches the results",
        ("rq==3.0.0", "redis==8.1.0", "hiredis==3.5.0"),
        {
            "sleeps": "one job at a time in a process",
            "layered": "a job whose parents end at the same moment may stay behind for ever",
        },
        {**FEWER, "drain": 2_000},
    ),
    "huey": Peer(
        "Huey",
        "two consumers with one thread; `notify_result`, so that the client does not have to "
        "poll; no results of None, no periodic tasks; sleeps: 64 threads each, because 500 are "
        "far slower",
        "its chord, counted in Redis",
        ("huey==3.5.4", "redis==8.1.0", "hiredis==3.5.0"),
        NO_DAG,
    ),
    "arq": Peer(
        "arq",
        "two workers, 50 jobs at a time; `poll_delay` 2 ms instead of 500, which uses more "
        "processor time when idle; no log line per job; sleeps: 500 each",
        BY_COUNTER,
        ("arq==0.28.0", "redis==5.3.1", "hiredis==3.5.0"),
        NO_DAG,
        FEWER,
    ),
    "saq": Peer(
        "SAQ",
        "two workers, concurrency 16; the client polls for a result every millisecond; sleeps: "
        "500 each",
        BY_COUNTER,
        ("saq==0.26.4", "redis==7.4.1", "hiredis==3.5.0", "typing_extensions==4.16.0"),
        NO_DAG,
    ),
    "taskiq": Peer(
        "taskiq",
        "the list broker of taskiq-redis, results in Redis, "
        "`--workers 2`, 100 tasks at a time, no parsing of arguments; sleeps: 500 each",
        BY_COUNTER,
        ("taskiq==0.13.0", "taskiq-redis==1.2.4", "redis==8.1.0", "hiredis==3.5.0"),
        NO_DAG,
        FEWER,
    ),
    "streaq": Peer(
        "streaq",
        "two workers, concurrency 32; submitted with `enqueue_many`, no log line per task; the "
        "client polls for a result every millisecond, because subscribing takes longer; "
        "sleeps: 500 each",
        "`after`; the fan-in reads the results in Redis by hand",
        ("streaq==7.2.0",),
        {},
        {**FEWER, "layered": 2_000},
    ),
    "docket": Peer(
        "docket",
        "two workers, concurrency 50; `minimum_check_interval` 2 ms, because by default a busy "
        "worker pauses for 100 ms; submitted with `add_many`; sleeps: 100 each, which is "
        "faster than 500",
        BY_COUNTER,
        ("pydocket==0.27.0", "redis==8.1.0", "hiredis==3.5.0"),
        NO_DAG,
        FEWER,
    ),
    "dask": Peer(
        "Dask",
        "one scheduler, two workers with one thread and without a nanny; graphs of tuples, the "
        "cheapest form; results stay in the memory of the workers; sleeps: 500 threads each",
        "a task with many dependencies",
        ("distributed==2026.8.0", "dask==2026.8.0"),
        NO_REDIS,
    ),
    "prefect": Peer(
        "Prefect",
        "its own server on SQLite, two processes that serve the tasks, ten at a time; its log "
        "is off; small sizes, because others would take minutes",
        "none for tasks on workers: the client waits and sends the fan-in",
        ("prefect==3.9.1", "fastapi==0.150.0"),
        {**NO_DAG, **NO_REDIS, "fan-out-large": "minutes for a measurement"},
        {
            "round-trip": 20,
            "chain": 10,
            "drain": 50,
            "fan-out": 50,
            "cpu": 50,
            "large": 4,
            "sleeps": 50,
        },
    ),
}
