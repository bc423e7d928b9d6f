"""Judges what runs on a shard: its scheduler, workers, apps and queues, and what was set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import metadata

from ...basics.counted import counted
from ...basics.pages import page
from ...basics.shorten import shorten
from ...core.cause_texts import why_leaderless
from ...core.finding import Finding, Health
from ...core.queue_info import QueueInfo, queue_problem
from ...core.worker_info import WorkerInfo
from ...protocol.client_store import ClientStore

LONG_LAG = 1000  # events; a scheduler applies thousands a second
MOST_NAMED = 10
MAX_NAMES = 500  # characters


def check_system(
    store: ClientStore, queues_of: Callable[[Sequence[WorkerInfo]], Sequence[QueueInfo]]
) -> Iterator[Finding]:
    """Yield a finding for each subject. ``queues_of``: reads the queues, given the live workers.

    Raises StoreError for what cannot be read.
    """
    yield _scheduler(store)
    yield _lag(store)
    workers = store.alive_workers()
    intact = [info for info in workers if not info.damaged]
    damaged = [f"{info.worker}: {info.damaged}" for info in workers if info.damaged]
    damaged += [f"{item.name}: {item.problem}" for item in workers.damaged]
    yield _workers(intact, damaged)
    if intact:
        yield _releases(intact)
        yield _apps(intact)
    yield from _queues(queues_of(workers))
    yield from _set_aside(store)


def _scheduler(store: ClientStore) -> Finding:
    leader = store.read_leader()
    reason = why_leaderless(None if leader is None else leader.left_ms)
    if leader is None or reason:
        return Finding(Health.PROBLEM, "Scheduler", f"{reason}.", "Start flowkit-scheduler.")
    text = f"Scheduler {leader.scheduler} leads (term {leader.term})."
    return Finding(Health.OK, "Scheduler", text)


def _lag(store: ClientStore) -> Finding:
    subject, lag = "Events", store.read_lag()
    if lag is None:
        text = "This user may not read how many events wait for the scheduler."
        return Finding(Health.UNKNOWN, subject, text)
    if lag < LONG_LAG:
        return Finding(Health.OK, subject, f"Events that wait for the scheduler: {lag}.")
    text = f"{lag:,} events wait for the scheduler: it lags behind, so tasks start late."
    advice = "See its log and its processor time; with a full processor, use several shards."
    return Finding(Health.WARNING, subject, text, advice)


def _workers(intact: Sequence[WorkerInfo], damaged: Sequence[str]) -> Finding:
    subject = "Workers"
    if damaged:
        text = f"{len(damaged)} cannot be read: {_named(damaged)}."
        advice = "See who else can write to this Redis."
        return Finding(Health.WARNING, subject, text, advice)
    if not intact:
        text = "No worker is running, so no task runs."
        return Finding(Health.PROBLEM, subject, text, "Start flowkit-worker --app …")
    unready = [info.worker for info in intact if not info.is_ready]
    lanes = sum(info.processes for info in intact)
    text = f"{counted(len(intact), 'live worker')} with {counted(lanes, 'process', 'processes')}."
    if unready:
        text += f" {len(unready)} have not loaded their app: {_named(unready)}."
        return Finding(Health.WARNING, subject, text, "If that lasts, see their logs.")
    stuck = [info.worker for info in intact if info.all_wait]
    if stuck:
        text += f" All processes of {_named(stuck)} execute tasks that wait for other runs."
        return Finding(Health.WARNING, subject, text, "Start more workers.")
    return Finding(Health.OK, subject, text)


def _releases(intact: Sequence[WorkerInfo]) -> Finding:
    subject, releases = "Releases", sorted({info.version or "unknown" for info in intact})
    own = metadata.version("flowkit")
    if releases == [own]:
        return Finding(Health.OK, subject, f"All workers run flowkit {own}, as this command.")
    text = f"Workers run flowkit {_named(releases)}, and this command is of {own}."
    return Finding(Health.WARNING, subject, text, "Finish the upgrade: see 'flowkit workers'.")


def _apps(intact: Sequence[WorkerInfo]) -> Finding:
    versions: dict[str, set[str]] = {}
    for info in intact:
        versions.setdefault(info.app, set()).update(info.versions)
    mixed = {app: some for app, some in versions.items() if len(some) > 1}
    shown = mixed or versions
    names = _named(
        [f"{app} ({', '.join(sorted(some)) or 'unknown'})" for app, some in shown.items()]
    )
    if not mixed:
        return Finding(Health.OK, "Apps", f"Each has one version: {names}.")
    text = f"Workers of the same app run several versions of its code: {names}."
    advice = f"Finish the deployment: see 'flowkit workers', and {page('howto/deploys.md')}"
    return Finding(Health.WARNING, "Apps", text, advice)


def _queues(queues: Sequence[QueueInfo]) -> Iterator[Finding]:
    stuck = [queue for queue in queues if queue.is_stuck]
    for queue in stuck[:MOST_NAMED]:
        yield Finding(Health.PROBLEM, "Queues", queue_problem(queue))
    if len(stuck) > MOST_NAMED:
        text = f"{len(stuck) - MOST_NAMED} more queues have tasks that no live worker can run."
        yield Finding(Health.PROBLEM, "Queues", text, "See 'flowkit queues --stuck'.")
    if not stuck:
        waiting = sum(queue.waiting for queue in queues)
        text = f"Tasks that wait for a process: {waiting:,}, in {counted(len(queues), 'queue')}."
        yield Finding(Health.OK, "Queues", text)


def _set_aside(store: ClientStore) -> Iterator[Finding]:
    dead, subject = store.count_dead(), "Failed tasks"
    if dead is None:
        yield Finding(Health.UNKNOWN, subject, "They cannot be counted.")
    elif dead:
        advice = "See them with 'flowkit dead ls', and run them again with 'flowkit retry RUN'."
        text = f"{counted(dead, 'task')} failed for good in runs that are kept."
        yield Finding(Health.WARNING, subject, text, advice)
    else:
        yield Finding(Health.OK, subject, "No task failed for good.")
    events, subject = store.count_quarantined(), "Quarantine"
    if events is None:
        text = "This user may not read it, or its key is damaged."
        yield Finding(Health.UNKNOWN, subject, text)
    elif events:
        text = f"The scheduler could not read {counted(events, 'event')}, and set them aside."
        advice = "See the log of the scheduler, and who else can write to this Redis."
        yield Finding(Health.WARNING, subject, text, advice)
    else:
        yield Finding(Health.OK, subject, "The scheduler could read all events.")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return shorten(", ".join(names[:MOST_NAMED]), MAX_NAMES) + more
