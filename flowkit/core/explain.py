"""Why a run is not over, or how it ended: a snapshot in, an explanation out. Pure.

Each task that is not over has exactly one primary cause (``cause_rules.py``). The tasks of a run
are grouped by root cause: a task that waits for one upstream counts to the group of that task. The
group with the lowest rank leads, and its sentence is that of the run.

What ended is explained by ``endings.py``. The cost is linear in the tasks that are not over.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from .cause_rules import RULES, no_scheduler, stop_of
from .cause_texts import Named, command, sentence
from .cause_view import OVER_OR_ABSENT, View
from .causes import Cause, Kind, Mover, rank
from .endings import Failure, failure_of, run_ending, task_ending
from .snapshot import Snapshot
from .states import RUN_OVER, TASK_OVER, TaskState


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Tasks that are held up by the same thing. Times are in seconds since 1970, by Redis' clock.

    ``cause``: a word of a closed list, see docs/howto/why.md. ``count``: how many tasks it holds
    up; ``direct``: how many of them itself, not through another task. ``task``: an example.
    ``holder``: what holds it: a worker, a queue or a run; "" if nothing does. ``by``: who changes
    it next: "worker", "scheduler", "time", "user", or "root" (the task ``root``). ``next``: what
    that does; ``until``: when, None if unknown. ``command``: what helps, "" if only waiting does.
    """

    cause: str
    count: int
    direct: int
    task: str
    sentence: str
    since: float | None
    holder: str
    by: str
    next: str
    until: float | None
    command: str
    root: str = ""


def causes_of(snapshot: Snapshot) -> View:
    """Return a view that finds the cause of each task of this snapshot."""
    return View(snapshot, _primary)


def _primary(view: View, task: int) -> Cause:
    """Return the primary cause of a task that is not over: of its state's rules, the first."""
    for rule in RULES[view.snapshot.states[task] or TaskState.PENDING]:
        cause = rule(view, task)
        if cause is not None:
            return cause
    raise AssertionError("the last rule of a state always answers")


def explain_task(view: View, task: int) -> CauseGroup:
    """Return the primary cause of a task that is not over. ``root``: the task that it leads to."""
    return _group(view, task, view.cause(task), 1, 1)


def explain_run(view: View) -> list[CauseGroup]:
    """Return the causes of all tasks that are not over, the leading one first."""
    groups: dict[tuple[Kind, str, str], list[int]] = {}
    for task in _open(view.snapshot):
        groups.setdefault(view.cause(view.root_of(task)).group, []).append(task)
    ranked = []
    for tasks in groups.values():
        direct = [task for task in tasks if view.root_of(task) == task]
        example = direct[0] if direct else view.root_of(tasks[0])
        cause = view.cause(example)
        ranked.append((rank(cause), example, _group(view, example, cause, len(tasks), len(direct))))
    ranked.sort(key=lambda item: item[:2])
    return [group for *_, group in ranked]


def leading_sentence(view: View) -> tuple[str, bool]:
    """Return what holds an unfinished run up, and whether only a user can change it."""
    cause, named = _leading(view)
    if cause is None:
        return "All tasks are over, and the scheduler is about to end the run.", False
    return sentence(cause, named), cause.row.by is Mover.USER


def _leading(view: View) -> tuple[Cause | None, Named]:
    """Return the cause that holds an unfinished run up, None if all its tasks are over.

    It looks at dispatched tasks only, unless there are none: a pending task waits for one of them.
    Without a scheduler the run cannot end, whatever its tasks do.
    """
    snapshot = view.snapshot
    whole = None
    if not snapshot.refuses:
        stopping = None if snapshot.run.stop is None else stop_of(view)
        whole = no_scheduler(view, 0) or stopping
    some = view.dispatched or _open(snapshot)
    if whole is not None or not some:
        return whole, Named("", snapshot.now_ms, run=snapshot.run.run)
    leads = min(map(view.root_of, some), key=lambda task: (rank(view.cause(task)), task))
    cause = view.cause(leads)
    return cause, _named(view, leads, cause)


def _open(snapshot: Snapshot) -> list[int]:
    """Return the tasks that are not over."""
    return [task for task, state in enumerate(snapshot.states) if state not in OVER_OR_ABSENT]


def _named(view: View, task: int, cause: Cause) -> Named:
    snapshot = view.snapshot
    root = "" if cause.root is None else snapshot.shown(cause.root)
    shown, name = snapshot.shown(task), snapshot.name(task)
    return Named(shown, snapshot.now_ms, snapshot.dag.pinned, snapshot.run.run, root, name)


def _group(view: View, task: int, cause: Cause, count: int, direct: int) -> CauseGroup:
    named = _named(view, task, cause)
    text, helps = sentence(cause, named), command(cause, named)
    if cause.root is not None:  # say what holds that task up, and what helps it
        root = view.cause(cause.root)
        its = _named(view, cause.root, root)
        text, helps = f"{text} {sentence(root, its)}", command(root, its)
    return CauseGroup(
        cause=cause.kind.value,
        count=count,
        direct=direct,
        task=named.name,
        sentence=text,
        since=_seconds(cause.since_ms),
        holder=cause.holder or cause.place,
        by=cause.row.by.value,
        next=cause.row.next,
        until=_seconds(cause.until_ms),
        command=helps,
        root="" if cause.root is None else view.snapshot.name(cause.root),
    )


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


# -- what a handle returns -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a run or a task is not over, or how it ended.

    ``task``: its name, "" for the run. ``state``: of the run or the task. ``stopping``: whether the
    run is running and was told to stop. ``sentence``: the leading cause, or the end. ``command``:
    what helps, "" if nothing does. ``causes``: for a task that is not over exactly one; for a run,
    its tasks by root cause, the leading one first; empty if it is over. ``failure``: of the run,
    None if no task has failed.
    """

    run_id: str
    dag_name: str
    task: str
    state: str
    over: bool
    sentence: str
    command: str = ""
    causes: list[CauseGroup] = field(default_factory=list)
    failure: Failure | None = None
    stopping: bool = False

    def __str__(self) -> str:
        return self.sentence

    def as_dict(self) -> dict[str, object]:
        """Return plain data, for JSON."""
        return asdict(self)


def explanation_of_run(snapshot: Snapshot) -> Explanation:
    """Return the explanation of a run."""
    failure, causes = failure_of(snapshot), list[CauseGroup]()
    run, over = snapshot.run, snapshot.run.state in RUN_OVER
    if over:
        text, helps = run_ending(snapshot, failure)
    else:
        view = causes_of(snapshot)
        causes = explain_run(view)
        text, _ = leading_sentence(view)
        leads, named = _leading(view)
        helps = "" if leads is None else command(leads, named)
    state, stopping = run.state.value, run.stopping
    return Explanation(
        run.run, run.dag_name, "", state, over, text, helps, causes, failure, stopping
    )


def explanation_of_task(snapshot: Snapshot, task: int) -> Explanation:
    """Return the explanation of one task."""
    view, state = causes_of(snapshot), snapshot.states[task] or TaskState.PENDING
    run, name = snapshot.run, snapshot.name(task)
    over, causes = state in TASK_OVER, list[CauseGroup]()
    if over:
        text, command = task_ending(view, task)
    elif run.state in RUN_OVER:
        text, command = (
            f"Task {snapshot.shown(task)!r} never ran: its run is over ({run.state.value}).",
            "",
        )
    else:
        causes = [explain_task(view, task)]
        text, command = causes[0].sentence, causes[0].command
    return Explanation(
        run.run,
        run.dag_name,
        name,
        state.value,
        over,
        text,
        command,
        causes,
        stopping=run.stopping,
    )
