"""The rules of chaos on histories that are forged: a sound one passes, each lie is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from .checker import RULES, Allowed, Case, Told, Witness, check
from .history import BrokenHistoryError, Execution, History, by_task, digest

Reported = tuple[str, dict[str, Told], list[Execution]]


def ran(task: str, attempt: int, began: int, ended: int | None, *inputs: str | None) -> Execution:
    token = f"{task}.{attempt}.{began}"
    return Execution("r", task, attempt, 7, token, digest(inputs), began, ended)


def result_of(one: Execution) -> str:
    return f"value|{one.token}"


def sound() -> Reported:
    """Tell of a run in which ``b`` was cut short once and the condition of ``skip`` was false."""
    first, cut = ran("a", 1, 10, 20), ran("b", 1, 30, None, "value|a.1.10")
    again = ran("b", 2, 50, 60, "value|a.1.10")
    last = ran("c", 1, 70, 80, result_of(again), None)
    tasks = {
        "a": Told("succeeded", 1, 0, result_of(first)),
        "b": Told("succeeded", 2, 1, result_of(again), "", ("a",), frozenset({1, 2})),
        "skip": Told("skipped", 1, upstream=("a",)),
        "c": Told("succeeded", 1, 0, result_of(last), upstream=("b", "skip")),
    }
    return "succeeded", tasks, [first, cut, again, last]


ONE_DEATH = Allowed(repeats=1, blamed=frozenset({"b"}))


def test_a_sound_history_breaks_no_rule() -> None:
    assert check(*sound(), ONE_DEATH) == []


def test_a_release_before_the_history_tells_nothing() -> None:
    untold = replace(ONE_DEATH, untold=True)
    assert check(*told(sound(), "b", told=frozenset({2})), untold) == []


def told(reported: Reported, task: str, **changes: object) -> Reported:
    state, tasks, done = reported
    return state, {**tasks, task: replace(tasks[task], **changes)}, done


def without(reported: Reported, at: int) -> Reported:
    state, tasks, done = reported
    return state, tasks, [*done[:at], *done[at + 1 :]]


def changed(reported: Reported, at: int, **changes: object) -> Reported:
    state, tasks, done = reported
    return state, tasks, [*done[:at], replace(done[at], **changes), *done[at + 1 :]]


def added(reported: Reported, *more: Execution) -> Reported:
    state, tasks, done = reported
    return state, tasks, [*done, *more]


LIES: dict[str, tuple[Callable[[Reported], Reported], str]] = {
    "a run that goes on": (lambda s: ("running", *s[1:]), "the run is not over"),
    "a task that is not over": (lambda s: told(s, "c", state="running"), "are not over: c"),
    "a success with a failure in it": (
        lambda s: told(s, "a", state="upstream_failed", result=None),
        "succeeded with tasks that are upstream_failed",
    ),
    "a failure without one": (lambda s: ("failed", *s[1:]), "no task has"),
    "a stranger": (lambda s: added(s, ran("x", 1, 90, 91)), "not in the run: x"),
    "a skipped task that ran": (
        lambda s: added(s, ran("skip", 1, 25, 26, "value|a.1.10")),
        "skip is skipped, and it ran 1 times",
    ),
    "a success out of nothing": (lambda s: without(s, 3), "which no execution of it gave"),
    "a success that was cut short": (lambda s: changed(s, 3, ended=None), "never ended"),
    "another's result": (lambda s: told(s, "c", result="value|a.1.10"), "no execution of it gave"),
    "a result of another attempt": (
        lambda s: told(s, "b", attempt=3),
        "b has the result of attempt 2, and attempt 3 is recorded",
    ),
    "an attempt that was never given out": (
        lambda s: added(s, ran("c", 2, 90, 91, "value|b.2.50", None)),
        "c ran attempt 2, and attempt 1 is recorded",
    ),
    "an attempt that is not told": (
        lambda s: told(s, "b", told=frozenset({2})),
        r"b ran attempts \[1, 2\], and its history has \[2\]",
    ),
    "a failure of nobody's": (
        lambda s: told(s, "c", state="failed", error="OSError: no"),
        r"c has failed \(OSError: no\), and nothing was to make it fail",
    ),
    "an innocent who is blamed": (
        lambda s: told(s, "c", deaths=1),
        "c is blamed for 1 deaths that were not its own",
    ),
    "a task that dies on and on": (lambda s: told(s, "b", deaths=4), "not stopped after 3"),
    "a child before its parent": (lambda s: changed(s, 1, began=15), "b began before a had ended"),
    "an outcome that changed": (
        lambda s: changed(s, 1, inputs=digest(["value|a.1.9"])),
        "b was given results of a that are not the recorded",
    ),
    "a lost result": (
        lambda s: changed(s, 3, inputs=digest([None, None])),
        "c was given results of b, skip that are not the recorded",
    ),
    "one repetition too many": (
        lambda s: added(s, ran("a", 1, 22, 23)),
        "2 executions repeat one before, 1 may: a, b",
    ),
    "an attempt that ran twice": (
        lambda s: added(s, ran("a", 1, 22, 23)),
        "1 executions have the number of one before, 0 may: a",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_forged_history_is_found(lie: str) -> None:
    forge, sentence = LIES[lie]
    result = check(*forge(sound()), ONE_DEATH)
    assert len(result) >= 1
    with pytest.raises(ValueError, match=sentence):
        raise ValueError("\n".join(result))


def test_a_task_that_should_fail_must_have_run() -> None:
    _, tasks, done = told(sound(), "c", state="failed", result=None)
    allowed = replace(ONE_DEATH, failed=frozenset({"c"}))
    assert check("failed", tasks, done, allowed) == []
    assert check("failed", tasks, done[:-1], allowed) == ["c has failed and never ran"]


def test_three_deaths_require_three_unfinished_executions() -> None:
    tasks = {"p": Told("failed", 3, 3, error="WorkerLost: …")}
    poison = frozenset({"p"})
    allowed = Allowed(retried={"p": 2}, failed=poison, blamed=poison)
    deaths = [ran("p", n, 10 * n, None) for n in (1, 2, 3)]
    assert check("failed", tasks, deaths, allowed) == []
    lucky = [*deaths[:2], replace(deaths[2], ended=35)]
    assert check("failed", tasks, lucky, allowed) == [
        "p has failed of 3 deaths and was cut short 2 times"
    ]


def test_after_redis_loses_writes_only_recorded_data_must_fit() -> None:
    """What ran after the moment that Redis went back to is void, and may have seen anything."""
    reported = added(sound(), ran("c", 2, 90, 91, "value|b.9.9", None), ran("a", 1, 22, 23))
    assert check(*reported, replace(ONE_DEATH, repeats=None, same_attempt=None)) != []
    lossy = Allowed(repeats=None, same_attempt=None, blamed=None, lost_time=True)
    assert check(*reported, lossy) == []
    wrong = changed(reported, 3, inputs=digest(["value|b.9.9", None]))
    assert len(check(*wrong, lossy)) == 1


def test_every_rule_is_broken_by_one_of_the_lies() -> None:
    broken = set()
    for forge, _ in LIES.values():
        state, tasks, done = forge(sound())
        for rule in RULES:
            if list(rule(Case(state, tasks, by_task(done), ONE_DEATH))):
                broken.add(rule)
    assert broken == set(RULES)


# -- the witness --------------------------------------------------------------------------------


def test_a_witness_sees_an_outcome_and_an_end_that_change() -> None:
    witness = Witness()
    witness.look("running", None, {"a": ("running", 1), "b": ("succeeded", 1)})
    witness.look("succeeded", 5, {"a": ("succeeded", 2), "b": ("succeeded", 1)})
    assert witness.broken == []
    witness.look("succeeded", 6, {"a": ("failed", 2), "b": ("succeeded", 1)})
    assert witness.broken == [
        "the run was ('succeeded', 5) and became ('succeeded', 6)",
        "a was ('succeeded', 2) and became ('failed', 2)",
    ]


# -- histories ----------------------------------------------------------------------------------


def read(*lines: str) -> list[Execution]:
    history = History()
    for line in lines:
        history.take(line)
    return history.executions()


def test_a_start_and_its_end_are_one_execution() -> None:
    begun = "start r a 1 7 10 tok inputs"
    assert read(begun, "end r a 1 7 20 tok") == [Execution("r", "a", 1, 7, "tok", "inputs", 10, 20)]
    assert read(begun) == [Execution("r", "a", 1, 7, "tok", "inputs", 10, None)]


@pytest.mark.parametrize(
    "lines",
    [
        ["end r a 1 7 20 tok"],
        ["start r a 1 7 10 tok inputs", "start r a 1 7 11 tok inputs"],
        ["start r a 1 7 10 tok inputs", "end r a 1 7 20 tok", "end r a 1 7 21 tok"],
        ["start r a 1 7 10 tok"],
    ],
)
def test_an_impossible_history_is_refused(lines: list[str]) -> None:
    with pytest.raises(BrokenHistoryError, match="no place in it"):
        read(*lines)
