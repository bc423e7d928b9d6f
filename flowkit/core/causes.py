"""The closed list of causes: why a task is not over, who changes that next, and what helps.

A cause is a value. ``explain.py`` finds it, ``cause_texts.py`` puts it into words. Each kind has
one row in ``ROWS``, and the table of docs/howto/why.md is made from the rows.

To add a cause, for example of a task that waits for a limit:

1.  add a member to ``Kind`` and a row to ``ROWS``; its place there is its rank: of several causes
    in one run, the first row leads;
2.  write the rule in ``cause_rules.py``, and put it into the list of its state in ``RULES``, before
    the rules that it takes precedence over;
3.  add its sentence to ``cause_texts.py``;
4.  run ``tests/explorer/test_causes.py``: in each state of the explored systems, the process that
    the row names must be able to change the cause.

This module refuses to guess: a cause holds only what was read. What is unknown is None or "".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of causes of a task that is not over. ``ROWS`` says what each means."""

    REDIS_REFUSES = "redis_refuses"
    NO_SCHEDULER = "no_scheduler"
    STOPPING = "stopping"
    NO_WORKER = "no_worker"
    NO_VERSION = "no_version"
    NO_FUNCTION = "no_function"
    PUT_OFF = "put_off"
    ALL_WAIT = "all_wait"
    WAITS_FOR_RUN = "waits_for_run"
    NOT_READY = "not_ready"
    WORKER_LOST = "worker_lost"
    NOT_LISTED = "not_listed"
    BUSY = "busy"
    SUSPECT = "suspect"
    QUEUED = "queued"
    RUNNING = "running"
    RETRY = "retry"
    AGAIN = "again"
    CHILDREN = "children"
    DUE = "due"
    LAGS = "scheduler_lags"
    ITEM_LIMIT = "item_limit"
    WINDOW = "window"
    ITEMS = "items"
    UPSTREAM = "upstream"


class Mover(StrEnum):
    """Who changes a cause next."""

    WORKER = "worker"  # a live worker: its next claim, or the outcome of the attempt
    SCHEDULER = "scheduler"  # the one that leads
    TIME = "time"  # the clock; ``until_ms`` of the cause says when
    USER = "user"  # an action from outside: the command of the row
    ROOT = "root"  # what holds another task up; the cause names that task


@dataclass(frozen=True, slots=True)
class Cause:
    """The one primary cause of one task. Times are ms of Redis' clock.

    ``place``: what it is about: a queue, or a function; causes of one kind and place are one group.
    ``holder``: the worker that holds the task, or what occupies the workers. ``number``: how many
    lanes, workers, facts or tasks. ``ahead``: how many attempts wait in the queue, with this one or
    before it; ``rate``: how many ended there per second, in the last minute. ``attempt``, ``of``:
    of a retry. ``detail``: an error, versions, the answer of Redis, or the progress of a task.
    ``since_ms``: since when; ``until_ms``: until when, if that is known. ``root``: the number of
    the task that holds this one up.
    """

    kind: Kind
    place: str = ""
    holder: str = ""
    number: int | None = None
    attempt: int = 0
    of: int = 0
    detail: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    root: int | None = None
    function: str = ""
    ahead: int | None = None
    rate: float | None = None

    @property
    def row(self) -> Row:
        """What is known of all causes of this kind."""
        return ROW_OF[self.kind]

    @property
    def group(self) -> tuple[Kind, str, str]:
        """What tasks have in common that are held up by the same thing."""
        return self.kind, self.place, self.function


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table of causes.

    ``when``: when it applies, unless an earlier cause does. ``by``: who changes it next. ``next``:
    what that does. ``command``: what a user can do, "" if nothing helps but to wait. In it, {run},
    {task}, {queue}, {version} and {holder} are replaced.
    """

    kind: Kind
    when: str
    by: Mover
    next: str
    command: str = ""


_SERVE = "flowkit-worker --app … --queues {queue}"

ROWS = (
    Row(
        Kind.REDIS_REFUSES,
        "Redis refuses writes: it is full, read-only, or cannot save its data.",
        Mover.USER,
        "Redis accepts writes again: give it memory, or delete runs",
        "flowkit purge",
    ),
    Row(
        Kind.NO_SCHEDULER,
        "The next step is the scheduler's, and no scheduler leads.",
        Mover.USER,
        "a scheduler starts to lead",
        "flowkit-scheduler",
    ),
    Row(
        Kind.STOPPING,
        "The run is stopping after a failure or a cancel, and the task has not started.",
        Mover.SCHEDULER,
        "the scheduler cancels the task; the run ends when its running tasks have ended",
    ),
    Row(
        Kind.NO_WORKER,
        "The task is queued, and no live worker serves its queue.",
        Mover.USER,
        "a worker that serves the queue starts",
        _SERVE,
    ),
    Row(
        Kind.NO_VERSION,
        "The run is pinned to a version of the code that no live worker of the queue has.",
        Mover.USER,
        "a worker with that version starts",
        _SERVE + " --version {version}",
    ),
    Row(
        Kind.NO_FUNCTION,
        "No live worker of the queue has the function of the task in its app.",
        Mover.USER,
        "a worker starts whose --app imports the module that defines the function",
        _SERVE,
    ),
    Row(
        Kind.PUT_OFF,
        "A worker did not have the function, and put the attempt off.",
        Mover.TIME,
        "the attempt is queued again",
        _SERVE,
    ),
    Row(
        Kind.ALL_WAIT,
        "Each process that serves the queue executes a task that itself waits for a run.",
        Mover.USER,
        "another worker starts, or one of those runs ends",
        _SERVE,
    ),
    Row(
        Kind.WAITS_FOR_RUN,
        "The task is running and waits for another run, as all tasks on its worker do.",
        Mover.WORKER,
        "the other run ends",
        _SERVE,
    ),
    Row(
        Kind.NOT_READY,
        "Workers serve the queue, and none of them has loaded its app yet.",
        Mover.WORKER,
        "a worker loads its app; if that fails, its log says why",
        "flowkit workers",
    ),
    Row(
        Kind.WORKER_LOST,
        "The task is running on a worker whose lease has expired.",
        Mover.SCHEDULER,
        "the scheduler takes the attempts of the worker back",
    ),
    Row(
        Kind.NOT_LISTED,
        "The task is queued, and its queue has no entry: it was just taken, or the entry was lost.",
        Mover.SCHEDULER,
        "the scheduler restores the entry",
    ),
    Row(
        Kind.BUSY,
        "Workers serve the queue, and each of their processes executes other attempts.",
        Mover.WORKER,
        "a process finishes what it executes",
        _SERVE,
    ),
    Row(
        Kind.SUSPECT,
        "The last attempt may have killed its process, so the next one runs alone in a process.",
        Mover.WORKER,
        "a process that executes nothing else claims the attempt",
    ),
    Row(
        Kind.QUEUED,
        "The task is queued, and workers can claim it.",
        Mover.WORKER,
        "a worker claims the attempt",
        _SERVE,
    ),
    Row(
        Kind.RUNNING,
        "The task is running on a live worker.",
        Mover.WORKER,
        "the worker records the outcome",
        "flowkit logs {run} {task}",
    ),
    Row(
        Kind.RETRY,
        "The last attempt failed, and the next one is due later.",
        Mover.TIME,
        "the next attempt is due",
        "flowkit retry {run} {task}",
    ),
    Row(
        Kind.AGAIN,
        "The task asked to start again later (`flowkit.again`), and that is due later.",
        Mover.TIME,
        "the next attempt is due",
        "flowkit retry {run} {task}",
    ),
    Row(
        Kind.CHILDREN,
        "The task waits for runs that it has called.",
        Mover.WORKER,
        "the last of these runs ends",
        "flowkit why {holder}",
    ),
    Row(
        Kind.DUE,
        "The next attempt is due.",
        Mover.SCHEDULER,
        "the scheduler queues the attempt",
    ),
    Row(
        Kind.LAGS,
        "All tasks upstream are over, and the scheduler has not handled that yet.",
        Mover.SCHEDULER,
        "the scheduler handles the events that are before it",
    ),
    Row(
        Kind.ITEM_LIMIT,
        "The item may start, and as many items of its task are dispatched as `max_active` permits.",
        Mover.ROOT,
        "one of these items ends",
    ),
    Row(
        Kind.WINDOW,
        "The task may start, and the run has as many dispatched tasks as it may have at a time.",
        Mover.ROOT,
        "a dispatched task ends",
    ),
    Row(
        Kind.ITEMS,
        "The task is mapped, and some of its items are not over.",
        Mover.ROOT,
        "the last of its items ends",
    ),
    Row(
        Kind.UPSTREAM,
        "A task upstream is not over. That task has a cause of another kind, the root cause.",
        Mover.ROOT,
        "the task upstream ends",
    ),
)
ROW_OF = {row.kind: row for row in ROWS}
_RANK = {row.kind: rank for rank, row in enumerate(ROWS)}


def rank(cause: Cause) -> int:
    """Return the rank of a cause in a run: the lowest leads."""
    return _RANK[cause.kind]
