"""``python -m tests.simulate --dags 100000``: many random DAGs, each resolved to its end.

It uses the environment of ``tests/core/test_run_random.py``: any graph, triggers, outcomes and
order of events, owners that die in the middle of a list of commands, users that cancel. Only the
dice differ: a seeded generator instead of Hypothesis, which searches better and is slower. Each run
is judged as there; above all, no task may be queued before its upstream tasks are over.

A run that breaks a rule is named by its number: ``--first NUMBER --dags 1`` shows it again. With
``--maps``, the runs have mapped tasks and grow: see ``tests/core/test_map_random.py``.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

WORLDS = Path(__file__).parent / "core"
PLAIN, MAPPED = "test_run_random", "test_map_random"
SHOWN = 3  # broken runs that are told in full


class Strategy:
    """Something that can be drawn: the few of Hypothesis' strategies that the environment uses."""

    def __init__(self, pick: Callable[[random.Random], Any]) -> None:
        self.pick = pick

    def __or__(self, other: Strategy) -> Strategy:
        return Strategy(lambda dice: dice.choice((self, other)).pick(dice))


class Dice:
    """Draws from strategies: stands for what ``st.data()`` gives a test."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)

    def draw(self, strategy: Strategy, label: str = "") -> Any:
        return strategy.pick(self._random)


def _lists(items: Strategy, *, min_size: int = 0, max_size: int | None = None) -> Strategy:
    most = min_size + 4 if max_size is None else max_size
    return Strategy(lambda dice: [items.pick(dice) for _ in range(dice.randint(min_size, most))])


def _composite(make: Callable[..., Any]) -> Callable[..., Strategy]:
    def made(*args: Any) -> Strategy:
        return Strategy(lambda dice: make(lambda strategy: strategy.pick(dice), *args))

    return made


def _sampled(choice: Iterable[Any]) -> Strategy:
    options = list(choice)
    return Strategy(lambda dice: dice.choice(options))


def _permutations(items: Iterable[Any]) -> Strategy:
    known = list(items)
    return Strategy(lambda dice: dice.sample(known, len(known)))


def _hypothesis() -> dict[str, ModuleType]:
    """Return modules to import in place of Hypothesis."""
    strategies, whole = ModuleType("hypothesis.strategies"), ModuleType("hypothesis")
    vars(strategies).update(
        composite=_composite,
        data=lambda: None,
        integers=lambda least, most: Strategy(lambda dice: dice.randint(least, most)),
        just=lambda value: Strategy(lambda dice: value),
        lists=_lists,
        none=lambda: Strategy(lambda dice: None),
        permutations=_permutations,
        sampled_from=_sampled,
        tuples=lambda *parts: Strategy(lambda dice: tuple(part.pick(dice) for part in parts)),
        DataObject=Dice,
        DrawFn=Any,
    )
    as_it_is: Callable[..., Any] = lambda *args, **options: lambda test: test  # noqa: E731
    vars(whole).update(
        given=as_it_is, settings=as_it_is, note=lambda text: None, strategies=strategies
    )
    return {"hypothesis": whole, "hypothesis.strategies": strategies}


def env(world: str = PLAIN) -> Callable[[Any], None]:
    """Return the test of the environment, which takes dice."""
    with (
        patch.dict(sys.modules, _hypothesis()),
        patch.object(sys, "path", [str(WORLDS), *sys.path]),
    ):
        for name in (PLAIN, MAPPED):
            sys.modules.pop(name, None)  # those of the tests use Hypothesis itself
        test: Callable[[Any], None] = importlib.import_module(world).play
    return test


def simulate(numbers: Iterable[int], world: str = PLAIN) -> dict[int, Exception]:
    """Run the DAGs of these numbers; return what those that broke a rule raised."""
    test, broken = env(world), dict[int, Exception]()
    for number in numbers:
        try:
            test(Dice(number))
        except Exception as error:
            broken[number] = error
    return broken


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__)
    parser.add_argument("--dags", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first (0)")
    parser.add_argument("--maps", action="store_true", help="with mapped tasks")
    asked = parser.parse_args(words)
    began = time.perf_counter()
    world = MAPPED if asked.maps else PLAIN
    broken = simulate(range(asked.first, asked.first + asked.dags), world)
    seconds = time.perf_counter() - began
    for number in list(broken)[:SHOWN]:
        print(f"--- DAG {number}")
        traceback.print_exception(broken[number])
    rate = asked.dags / seconds
    print(f"{asked.dags} DAGs in {seconds:.0f} s ({rate:.0f} a second): {len(broken)} broke a rule")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
