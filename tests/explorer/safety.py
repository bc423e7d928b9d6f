"""What must hold: in every state, and between a state and the next. One rule, one function.

A rule returns a sentence for what breaks it, None if it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from flowkit.core.triggers import AFTER_FAILURE, Trigger

from .model import OVER, Keys
from .pieces import REMEMBERED
from .state import Move, Setup, State

WELL = frozenset("SK")
Rule = Callable[[Setup, Keys], str | None]
Change = Callable[[Setup, State, Move], str | None]


def starts_when_its_trigger_says(setup: Setup, keys: Keys) -> str | None:
    """What is or was dispatched has upstream tasks that came to what its trigger wants."""
    codes = {task: record.code for task, record in keys.tasks}
    plan = setup.plan
    for task, code in codes.items():
        name, node = plan.dag.task_name(task), plan.dag.numbering.node(task)
        if code not in "QRWSFK" or (code == "K" and name not in setup.skippable):
            continue
        upstream = [codes.get(item, "P") for item in plan.dag.graph.upstream(node)]
        wanted = OVER if plan.triggers.get(node) is Trigger.ALL_OVER else WELL
        if not wanted.issuperset(upstream):
            return f"task {name} is {code} after upstream tasks {upstream}"
    return None


def over_means_over(setup: Setup, keys: Keys) -> str | None:
    """A run is over with all its tasks, its TTL has started, and only then."""
    if keys.run is None:
        return None
    over = keys.field("state") != "running"
    if over == keys.active or over != keys.expiring or over != (keys.users == 0):
        return f"run {keys.field('state')}, active {keys.active}, expiring {keys.expiring}"
    codes = {task: record.code for task, record in keys.tasks}
    if over and (len(codes) < len(setup.plan.names) or not OVER.issuperset(codes.values())):
        return f"the run is {keys.field('state')} and its tasks are {codes}"
    return None


def ends_as_it_should(setup: Setup, keys: Keys) -> str | None:
    """The end of a run follows from the ends of its tasks."""
    outcome = keys.field("state")
    codes = {record.code for _, record in keys.tasks}
    if outcome == "succeeded" and not WELL.issuperset(codes):
        return f"the run succeeded with tasks {codes}"
    if outcome == "failed" and ("F" not in codes or not keys.field("failed")):
        return f"the run failed with tasks {codes} because of {keys.field('failed')!r}"
    if outcome == "cancelled" and keys.field("stop") != "cancelled":
        return "the run was cancelled and nobody asked for it"
    if outcome == "failed":
        for task, trigger in setup.plan.triggers.items():
            record = keys.record(task)
            if trigger in AFTER_FAILURE and record and record.code == "C":
                return f"clean-up {setup.plan.names[task]} was left out"
    return None


def claims_and_records_agree(setup: Setup, keys: Keys) -> str | None:
    """A task runs exactly where one lane's claims name it, in a lane whose worker is known."""
    named = [(task, item.attempt, lane) for lane, _, held in keys.claims for task, item in held]
    runs = [(task, item.attempt, item.lane) for task, item in keys.tasks if item.code == "R"]
    if sorted(named) != sorted(runs):
        return f"claims {named}, records {runs}"
    return None


def who_runs_is_watched(setup: Setup, keys: Keys) -> str | None:
    """The worker of a task that runs has a lease, and its lane is known, so it can be reaped."""
    for task, record in keys.tasks:
        if record.code == "R":
            worker = record.lane.partition(".")[0]
            if record.lane not in keys.lanes_of(worker) or keys.lease(worker) is None:
                return f"task {task} runs on lane {record.lane}, which nobody watches"
    return None


def versions_are_noted(setup: Setup, keys: Keys) -> str | None:
    """A run names the version of each worker that runs some of it, and tells if there are two."""
    if not setup.versions or keys.run is None:
        return None
    noted = {text.partition("=")[2] for name, text in keys.run if name.startswith("@")}
    for task, record in keys.tasks:
        if record.code == "R" and not keys.field(f"@{record.lane.partition('.')[0]}"):
            return f"task {task} runs on lane {record.lane}, of which no version is noted"
    has_ended = any(record.code in "SKW" and record.lane for _, record in keys.tasks)
    ran, mixed = (keys.field(name).partition("=")[2] for name in ("ran", "mixed"))
    said = {ran, mixed} - {""}
    if not said <= noted or (mixed and ran in ("", mixed)):
        return f"workers of {sorted(noted)} claimed some, and the run says {keys.run}"
    if has_ended and not ran:
        return f"an attempt has ended, and the run names no version that ran: {keys.run}"
    return None


def results_are_there_while_needed(setup: Setup, keys: Keys) -> str | None:
    """A task that may still start finds the results that it takes, unless it is skipped.

    At the end of the run, none is left that is not kept.
    """
    results, plan = dict(keys.results), setup.plan
    if keys.field("state") in ("", "running") and not keys.field("resuming"):
        for task, record in keys.tasks:
            lacks = [up for up in plan.inputs_of(task) if _has_lost(keys, results, up)]
            if record.code not in OVER and lacks:
                return f"task {task} is {record.code}, and the results of {lacks} are gone"
    left = setup.plan.not_kept & results.keys()
    if keys.field("state") not in ("", "running") and left:
        return f"the results of {left} are left"
    return None


def _has_lost(keys: Keys, results: dict[int, str], task: int) -> bool:
    record = keys.record(task)
    return record is not None and record.code == "S" and task not in results


def elements_are_there(setup: Setup, keys: Keys) -> str | None:
    """When a list has become items, its elements are stored; a mapped task ends with its items."""
    blocks, records = dict(keys.blocks), dict(keys.tasks)
    numbering = setup.plan.dag.numbering
    for task, record in keys.tasks:
        count = int(record.items.partition("/")[0] or 0)
        if setup.plan.blocks_of(task) is not None and record.code == "S":
            missing = [at for at in range(count) if f"{task}.{at}" not in blocks]
            if not record.items or missing:
                return f"task {task} is {record.text()}, and {missing} of its elements are missing"
        if task in setup.plan.dag.maps and record.code == "S":
            items = [records.get(item) for item in numbering.items(task, count)]
            if any(item is None or item.code not in WELL for item in items):
                return f"task {task} has succeeded with items {items}"
    return None


def who_comes_again_has_a_memory(setup: Setup, keys: Keys) -> str | None:
    """A task that may start with the flag of its memory finds it; one that begins anew has none."""
    memories = dict(keys.memories)
    for task, record in keys.tasks:
        if record.code in "QRW" and ("^" in record.spent) != (task in memories):
            return f"task {task} is {record.text()}, and its memory is {memories.get(task)!r}"
        if record.code == "P" and task in memories:
            return f"task {task} is pending and has the memory {memories[task]!r}"
    if memories and not keys.field("inputs"):
        return "there is a memory, and the run does not say so"
    return None


def outcomes_stay(setup: Setup, state: State, move: Move) -> str | None:
    """A finished task never changes, nor does its result, but for a resume."""
    before, after = state.keys, move.state.keys
    if any(call.name == "reset" for _, call, _ in move.calls) or before.tasks == after.tasks:
        return None
    results = dict(after.results)
    for task, record in before.tasks:
        if record.code in OVER and after.record(task) != record:
            return f"task {task} was {record.text()} and is {after.record(task)}"
    for task, result in before.results:
        if results.get(task) != result and (task in results or task not in setup.plan.not_kept):
            return f"the result of task {task} was {result} and is {results.get(task)}"
    return None


def numbers_grow(setup: Setup, state: State, move: Move) -> str | None:
    """Attempts, terms and the cursor never go back."""
    before, after = state.keys, move.state.keys
    for task, record in before.tasks:
        now = after.record(task)
        if now is None or now.attempt < record.attempt:
            return f"task {task} was in attempt {record.attempt} and is {now}"
    if (before.leader or ("", 0))[1] > (after.leader or ("", 0))[1]:
        return "the term went back"
    return "the cursor went back" if before.cursor > after.cursor else None


def a_new_attempt_has_a_reason(setup: Setup, state: State, move: Move) -> str | None:
    """A task runs again under a new number, or it was not started: nothing runs twice as one."""
    for task, record in move.state.keys.tasks:
        before = state.keys.record(task)
        if record.code != "R" or before == record:
            continue
        if before is None or (before.code, before.attempt) != ("Q", record.attempt):
            return f"task {task} was {before} and runs as {record.text()}"
        if _stopped(state.keys, before.spent):
            return f"task {task} is claimed in a run that is stopping"
    return None


def _stopped(keys: Keys, spent: str) -> bool:
    stop = keys.field("stop")
    return stop == "cancelled" or (stop != "" and "+" not in spent)


def replaced_attempts_are_remembered(setup: Setup, state: State, move: Move) -> str | None:
    """The record of an attempt that may have started is only replaced if the history has it.

    A lane that has not started an attempt gives it back under the same number.
    """
    before, after = state.keys, move.state.keys
    if before.tasks == after.tasks:
        return None
    texts = [text for entry in after.history for _, text in entry]
    for task, record in before.tasks:
        now = after.record(task)
        if not record.lane or now is None or now.lane == record.lane != "":
            continue
        if now.attempt == record.attempt and now.code in "QC":
            continue
        begin = f"{task} {record.code}{record.attempt},{record.lane},"
        if record.code != "W" and not any(text.startswith(begin) for text in texts):
            return f"task {task} was {record.text()} and is {now.text()}, and nothing tells of it"
    return None


def a_stop_stays(setup: Setup, state: State, move: Move) -> str | None:
    """A cancel overrules a failure, never the other way round; a run ends once."""
    before, after = state.keys, move.state.keys
    if before.run is None or after.run is None or before.run == after.run:
        return None
    if any(call.name == "resume" for _, call, _ in move.calls):
        return None
    if before.field("state") not in ("running", after.field("state")):
        return f"the run was {before.field('state')} and is {after.field('state')}"
    if before.field("stop") == "cancelled" != after.field("stop"):
        return "a cancel was taken back"
    return None


def stale_calls_change_nothing(setup: Setup, state: State, move: Move) -> str | None:
    """Who is fenced, dead or unknown writes nothing."""
    words = {reply[0] for _, _, reply in move.calls}
    refused = words & {"FENCED", "UNKNOWN", "DEAD", "ALIVE", "HELD", "OVER", "BUSY", "RUNNING"}
    if len(move.calls) == 1 and refused and move.state.keys != state.keys:
        return f"a call was answered {refused} and changed something"
    return None


RULES: tuple[Rule, ...] = (
    starts_when_its_trigger_says,
    over_means_over,
    ends_as_it_should,
    claims_and_records_agree,
    who_runs_is_watched,
    versions_are_noted,
    results_are_there_while_needed,
    elements_are_there,
    who_comes_again_has_a_memory,
)
CHANGES: tuple[Change, ...] = (
    outcomes_stay,
    numbers_grow,
    a_new_attempt_has_a_reason,
    replaced_attempts_are_remembered,
    a_stop_stays,
    stale_calls_change_nothing,
)


def broken_by(setup: Setup, state: State, move: Move) -> str | None:
    """Return what a move breaks, with the name of the rule."""
    if move.state.keys == state.keys:
        return None
    for change in CHANGES:
        wrong = change(setup, state, move)
        if wrong:
            return f"{change.__name__}: {wrong}"
    return _wrong_with(setup, move.state.keys)


@lru_cache(maxsize=REMEMBERED)
def _wrong_with(setup: Setup, keys: Keys) -> str | None:
    for rule in RULES:
        wrong = rule(setup, keys)
        if wrong:
            return f"{rule.__name__}: {wrong}"
    return None
