"""A few of the random runs of ``python -m tests.simulate``, and that it finds what is broken."""

from __future__ import annotations

from collections import defaultdict

import pytest
from simulate import MAPPED, Dice, env, main, simulate

from flowkit.core import frontier as frontier
from flowkit.core.states import TaskState


def test_random_runs_end_correctly() -> None:
    assert simulate(range(400)) == {}


def test_random_runs_with_maps_end_correctly() -> None:
    assert simulate(range(300), MAPPED) == {}


def test_an_item_that_starts_before_its_upstream_item_is_over_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flowkit.core.item_ends.is_over", lambda code: True)
    monkeypatch.setattr("flowkit.core.item_ends.STATE", defaultdict(lambda: TaskState.SUCCEEDED))
    broken = simulate(range(200), MAPPED)
    assert any("queued too early" in str(error) for error in broken.values())


def test_a_task_that_starts_before_its_upstream_tasks_finish_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each task is believed to wait for one upstream task less than it does."""

    def forgetful(self: frontier.Frontier, *args: object) -> None:
        sound(self, *args)  # type: ignore[arg-type]
        for task, waits in enumerate(self.waiting_for):
            self.waiting_for[task] = max(0, waits - 1)

    sound = frontier.Frontier.__init__
    monkeypatch.setattr(frontier.Frontier, "__init__", forgetful)
    broken = simulate(range(100))
    assert any("queued too early" in str(error) for error in broken.values())
    first = min(broken)
    assert main(["--first", str(first), "--dags", "1"]) == 1
    assert f"--- DAG {first}\n" in capsys.readouterr().out


def test_a_seed_always_makes_the_same_run() -> None:
    def drawn(number: int) -> list[object]:
        seen: list[object] = []

        class Noting(Dice):
            def draw(self, strategy: object, label: str = "") -> object:
                seen.append(super().draw(strategy, label))  # type: ignore[arg-type]
                return seen[-1]

        test(Noting(number))
        return [item for item in seen if isinstance(item, int | str | None)]

    test = env()
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


def test_it_reports_count_and_speed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dags", "5"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("5 DAGs in ")
    assert out.endswith("a second): 0 broke a rule\n")
