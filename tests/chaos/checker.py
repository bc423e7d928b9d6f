"""The rules that every run has to keep, whatever was done to the system while it continued.

``check`` compares the history, which the tasks wrote outside of Redis, with what Redis says when
the run is over; ``Witness`` looks at the records while it continues. Each rule is a generator of
sentences, one for each time that it is broken; no sentence means that it holds. Nothing here talks
to anybody, so that the rules can be tried on histories that are forged (``test_checker.py``).

The rules stand here on their own and ask none of flowkit's code, so they cannot share its mistakes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .history import Execution, by_task, digest

OVER = frozenset({"succeeded", "failed", "skipped", "upstream_failed", "cancelled"})
MOST_DEATHS = 3


@dataclass(frozen=True, slots=True)
class Told:
    """What Redis says of one task. ``result``: None if there is none. ``told``: the attempts that
    its history names, None if it is not asked."""

    state: str
    attempt: int = 0
    deaths: int = 0
    result: str | None = None
    error: str = ""
    upstream: tuple[str, ...] = ()
    told: frozenset[int] | None = None

    @property
    def token(self) -> str:
        """Return which execution the result is of."""
        return (self.result or "").partition("|")[2]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the faults of a scenario excuse; by default nothing.

    ``repeats``: executions beyond the first of each task, None for any number. ``same_attempt``:
    those among them that carry the number of one before. ``retried``: how often a task is to run
    again because it fails by itself. ``failed``: tasks that may fail for good. ``blamed``: tasks
    that may have deaths, None for all. ``untold``: a release that keeps no history has replaced
    attempts. ``lost_time``: Redis went back in time, so that attempts
    and outcomes after it are void.
    """

    repeats: int | None = 0
    same_attempt: int | None = 0
    retried: Mapping[str, int] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()
    blamed: frozenset[str] | None = frozenset()
    untold: bool = False
    lost_time: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One run that is over: its state and tasks by Redis, its executions by themselves."""

    state: str
    tasks: Mapping[str, Told]
    done: Mapping[str, Sequence[Execution]]
    allowed: Allowed


def check(
    state: str,
    tasks: Mapping[str, Told],
    executions: Sequence[Execution],
    allowed: Allowed | None = None,
) -> list[str]:
    """Return a sentence for each rule broken, and each time that it is."""
    case = Case(state, tasks, by_task(executions), allowed or Allowed())
    return [sentence for rule in RULES for sentence in rule(case)]


# -- rules --------------------------------------------------------------------------------------


def everything_is_over(case: Case) -> Iterator[str]:
    """A finished run has no task that is not, and its state follows from theirs."""
    if case.state == "running":
        yield "the run is not over"
    open_ = [name for name, recorded in case.tasks.items() if recorded.state not in OVER]
    if open_:
        yield f"the run is {case.state}, and these tasks are not over: {_some(open_)}"
    bad = {recorded.state for recorded in case.tasks.values()} & {
        "failed",
        "upstream_failed",
        "cancelled",
    }
    if case.state == "succeeded" and bad:
        yield f"the run has succeeded with tasks that are {', '.join(sorted(bad))}"
    if case.state == "failed" and "failed" not in bad:
        yield "the run has failed, and no task has"


def only_known_tasks_run(case: Case) -> Iterator[str]:
    """Nothing runs that is not in the DAG, and what is recorded as never begun never began."""
    unknown = case.done.keys() - case.tasks.keys()
    if unknown:
        yield f"these tasks ran and are not in the run: {_some(sorted(unknown))}"
    for name, recorded in case.tasks.items():
        never = recorded.state in ("skipped", "upstream_failed", "pending")
        if never and name in case.done and not case.allowed.lost_time:
            yield f"{name} is {recorded.state}, and it ran {len(case.done[name])} times"


def successes_happened(case: Case) -> Iterator[str]:
    """A success is the end of an execution of the attempt that is recorded."""
    for name, recorded in case.tasks.items():
        if recorded.state != "succeeded":
            continue
        executions = [
            execution for execution in case.done.get(name, ()) if execution.token == recorded.token
        ]
        if not executions:
            yield f"{name} has succeeded with {recorded.result!r}, which no execution of it gave"
        elif executions[0].ended is None:
            yield f"{name} has succeeded by an execution that never ended"
        elif executions[0].attempt != recorded.attempt:
            yield (
                f"{name} has the result of attempt {executions[0].attempt}, "
                f"and attempt {recorded.attempt} is recorded"
            )


def no_attempt_after_the_last(case: Case) -> Iterator[str]:
    """Nothing runs in an attempt that Redis never gave out."""
    if case.allowed.lost_time:
        return
    for name, recorded in case.tasks.items():
        later = [
            execution.attempt
            for execution in case.done.get(name, ())
            if execution.attempt > recorded.attempt
        ]
        if later:
            yield f"{name} ran attempt {max(later)}, and attempt {recorded.attempt} is recorded"


def every_attempt_is_told(case: Case) -> Iterator[str]:
    """The history of a run names each attempt that ran."""
    if case.allowed.lost_time or case.allowed.untold:
        return
    for name, recorded in case.tasks.items():
        ran = {execution.attempt for execution in case.done.get(name, ())}
        if recorded.told is not None and ran - recorded.told:
            yield f"{name} ran attempts {sorted(ran)}, and its history has {sorted(recorded.told)}"


def failures_have_a_reason(case: Case) -> Iterator[str]:
    """A task fails of its own doing or of three deaths; a run fails because a task was to."""
    for name, recorded in case.tasks.items():
        if recorded.state != "failed":
            continue
        if name not in case.allowed.failed:
            yield f"{name} has failed ({recorded.error}), and nothing was to make it fail"
        elif not case.done.get(name):
            yield f"{name} has failed and never ran"


def blame_is_deserved(case: Case) -> Iterator[str]:
    """Deaths are counted up to three, each is an execution without an end, none is invented."""
    for name, recorded in case.tasks.items():
        if not recorded.deaths:
            continue
        cut = sum(execution.ended is None for execution in case.done.get(name, ()))
        if case.allowed.blamed is not None and name not in case.allowed.blamed:
            yield f"{name} is blamed for {recorded.deaths} deaths that were not its own"
        if recorded.deaths > MOST_DEATHS:
            yield f"{name} has {recorded.deaths} deaths and was not stopped after {MOST_DEATHS}"
        if recorded.state == "failed" and recorded.deaths >= MOST_DEATHS and cut < MOST_DEATHS:
            yield f"{name} has failed of {recorded.deaths} deaths and was cut short {cut} times"


def parents_come_first(case: Case) -> Iterator[str]:
    """No execution begins before a success of every task above it has ended."""
    for name, executions in case.done.items():
        for up in case.tasks[name].upstream if name in case.tasks else ():
            if case.tasks[up].state != "succeeded":
                continue
            ends = [
                execution.ended
                for execution in case.done.get(up, ())
                if execution.ended is not None
            ]
            if not ends or min(ends) > min(execution.began for execution in executions):
                yield f"{name} began before {up} had ended"


def everybody_saw_the_same(case: Case) -> Iterator[str]:
    """What was handed down is what is recorded, in every execution: no outcome ever changed."""
    for name, recorded in case.tasks.items():
        ups = [case.tasks[up] for up in recorded.upstream]
        if any(up.state not in ("succeeded", "skipped") for up in ups):
            continue
        wanted = digest(tuple(up.result for up in ups))
        seen = case.done.get(name, ())
        if case.allowed.lost_time:
            seen = [execution for execution in seen if execution.token == recorded.token]
        if any(execution.inputs != wanted for execution in seen):
            inputs = _some(recorded.upstream)
            yield f"{name} was given results of {inputs} that are not the recorded"


def repeats_have_an_excuse(case: Case) -> Iterator[str]:
    """A task runs once, unless a fault gave reason to run it again."""
    allowed = case.allowed
    again = {
        name: len(executions) - 1 - allowed.retried.get(name, 0)
        for name, executions in case.done.items()
        if name in case.tasks
    }
    extra = sum(count for count in again.values() if count > 0)
    if allowed.repeats is not None and extra > allowed.repeats:
        often = [name for name, count in again.items() if count > 0]
        yield f"{extra} executions repeat one before, {allowed.repeats} may: {_some(often)}"
    numbers = Counter(
        (execution.task, execution.attempt)
        for executions in case.done.values()
        for execution in executions
    )
    same = sum(count - 1 for count in numbers.values())
    if allowed.same_attempt is not None and same > allowed.same_attempt:
        often = [name for (name, _), count in numbers.items() if count > 1]
        yield f"{same} executions have the number of one before, {allowed.same_attempt} may: " + (
            _some(often)
        )


RULES: tuple[Callable[[Case], Iterator[str]], ...] = (
    everything_is_over,
    only_known_tasks_run,
    successes_happened,
    no_attempt_after_the_last,
    every_attempt_is_told,
    failures_have_a_reason,
    blame_is_deserved,
    parents_come_first,
    everybody_saw_the_same,
    repeats_have_an_excuse,
)


class Witness:
    """Looks at the records again and again; what is over must stay as it was when it was seen."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int]] = {}
        self._end: tuple[str, int | None] | None = None
        self.broken: list[str] = []

    def look(self, state: str, finished: int | None, tasks: Mapping[str, tuple[str, int]]) -> None:
        """Take in the run's state, when it ended, and task → (state, attempt)."""
        if self._end is not None and self._end != (state, finished):
            self.broken.append(f"the run was {self._end} and became {(state, finished)}")
        if state != "running":
            self._end = (state, finished)
        for name, now in tasks.items():
            before = self._seen.get(name)
            if before is not None and before != now:
                self.broken.append(f"{name} was {before} and became {now}")
            if now[0] in OVER:
                self._seen[name] = now


def _some(names: Sequence[str]) -> str:
    rest = len(names) - 5
    return ", ".join(names[:5]) + (f" and {rest} more" if rest > 0 else "")
