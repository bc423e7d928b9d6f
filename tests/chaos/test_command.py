"""The command: what it plays, what it prints, how it ends; with scenarios that take no time."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from . import __main__ as command
from .stage import Stage
from .table import SCENARIOS, Scenario

pytestmark = pytest.mark.slow


def sound(stage: Stage, *, rounds: int) -> None:
    stage.figure("rounds", rounds)
    stage.figure("drawn", stage.random.randrange(10**9))


def violated(stage: Stage, *, rounds: int) -> None:
    stage.demand(False, "the sky has fallen")


def broken(stage: Stage, *, rounds: int) -> None:
    raise RuntimeError("nothing came of it")


def crashing(stage: Stage, *, rounds: int) -> None:
    """Have a scheduler end that nobody has killed."""
    stage.scheduler().popen.kill()
    stage.schedulers[0].popen.wait(20)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for row, made in enumerate((sound, violated, broken, crashing)):
        name = made.__name__
        scenario = Scenario(name, f"X{row}", "nothing", made, {"rounds": 1}, {"rounds": 100})
        monkeypatch.setitem(SCENARIOS, name, scenario)
    return lambda *words: CliRunner().invoke(command.main, words)


def test_a_promise_that_held_is_a_pass_with_its_figures_and_seed(
    play: Callable[..., Result],
) -> None:
    done = play("sound", "--seed", "7")
    assert done.exit_code == 0
    assert "PASS X0 sound" in done.output
    assert "rounds: 1\n" in done.output
    assert "seed 7" in done.output


def test_the_same_seed_draws_the_same(play: Callable[..., Result]) -> None:
    first, again, other = (
        json.loads(play("sound", "--json", "--seed", seed).output)["figures"]["drawn"]
        for seed in ("7", "7", "8")
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("violated", "the sky has fallen"),
        ("broken", "RuntimeError: nothing came of it"),
        ("crashing", "scheduler-0.log ended by itself with -9"),
    ],
)
def test_a_violation_is_a_failure_that_says_how_to_reproduce_it(
    play: Callable[..., Result], name: str, sentence: str
) -> None:
    done = play("sound", name, "--full", "--seed", "3")
    assert done.exit_code == 1
    assert f"FAIL X{list(SCENARIOS).index(name) - list(SCENARIOS).index('sound')}" in done.output
    assert f"violated: {sentence}" in done.output
    assert f"again: python -m tests.chaos {name} --seed 3 --full" in done.output
    assert "rounds: 100" in done.output


def test_each_scenario_has_its_own_name_and_row(
    play: Callable[..., Result],
) -> None:
    lines = play("--list").output.splitlines()
    assert len(lines) == len(SCENARIOS)
    assert len({scenario.row for scenario in SCENARIOS.values()}) == len(SCENARIOS)
    assert "FAIL" in play("X1").output


def test_an_unknown_release_is_reported(play: Callable[..., Result]) -> None:
    done = play("versions", "--older", "no-such-revision")
    assert done.exit_code == 1
    assert "no git history that knows 'no-such-revision'" in done.output
    assert "again: python -m tests.chaos versions --seed 1 --older no-such-revision" in done.output


def test_an_unknown_name_is_refused(play: Callable[..., Result]) -> None:
    done = play("no-such-scenario")
    assert done.exit_code == 2
    assert "no scenario 'no-such-scenario'; there are under-fire" in done.output
