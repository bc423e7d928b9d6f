"""A short attack on real processes, and violations that are planted to see that it notices them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import wait_until

from . import campaign
from .campaign import Plan, chosen
from .stand import Stand, Watcher
from .watch import Watch

SECONDS, PACE, IDLE_S = 4.0, 30.0, 1.5
SEED = 1
# Heavy: they keep an honest run waiting for longer than this test lasts.
HEAVY = ("events-huge", "events-burst")


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path, Watch())
    try:
        stand.start()
        yield stand
    finally:
        stand.close()


@pytest.mark.timeout(300)  # what is stuck is waited for, and then told
@pytest.mark.parametrize("rounds", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_daemons_survive_a_short_attack(tmp_path: Path, rounds: int) -> None:
    said: list[str] = []
    kinds = chosen(skip=HEAVY)
    plan = Plan(rounds * SECONDS, SEED, kinds, pace=PACE, cycle=SECONDS, idle=IDLE_S)
    report = campaign.run(tmp_path, tmp_path / "notes", said.append, lambda item: item.play(plan))
    assert report.findings == (), "\n".join(map(str, [*report.findings, report.figures]))
    assert report.actions > 5  # 30 a round on an idle machine
    assert report.figures["honest runs succeeded"] > rounds


@pytest.mark.slow
def test_a_worker_that_is_killed_is_reported_and_replaced(stand: Stand) -> None:
    victim = stand.daemons["worker-0"]
    victim.kill()
    assert stand.revive() == ["worker-0"]
    assert [finding.rule for finding in stand.watch.findings] == ["process ended"]
    assert stand.daemons["worker-0"].pid != victim.pid


@pytest.mark.slow
def test_a_child_that_is_killed_and_a_cursor_that_stands_are_reported(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__package__}.watch.LAG_S", 0.5)
    watcher = Watcher(stand, every=0.1, commands_every=60)
    watcher.start()

    def rules() -> set[str]:
        return {finding.rule for finding in stand.watch.findings}

    try:
        worker = stand.daemons["worker-1"]
        wait_until("its children are seen", lambda: stand.watch._children.get("worker-1"))
        worker.children()[0].kill()
        wait_until("the death of a child is reported", lambda: "child ended" in rules())
        wait_until("the log of it is read", lambda: "child_died" in rules())
        os.kill(stand.daemons["scheduler-0"].pid, signal.SIGSTOP)
        stand.server.xadd(stand.keys.events(), {"W": "nobody"})
        wait_until("the cursor is reported", lambda: "cursor stuck" in rules())
    finally:
        os.kill(stand.daemons["scheduler-0"].pid, signal.SIGCONT)
        watcher.stop()


@pytest.mark.slow
def test_a_busy_idle_daemon_is_noticed(stand: Stand) -> None:
    assert stand.busy_share(0.5) < 0.9
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        stand.server.xadd(stand.keys.events(), {"explode": "x"})
    assert stand.watch.findings == []
