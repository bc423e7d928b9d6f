"""Machines whose clocks are an hour off take part as if theirs were right: Redis' clock counts."""

from __future__ import annotations

from pathlib import Path

import fault_app as app
import pytest
from helpers import wait_until
from real_system import APP, System, check_executions, records

from flowkit import DAG
from flowkit.core.states import RunState

SHIFTED = str(Path(__file__).with_name("shifted.py"))
HOUR_S = 3600


@pytest.mark.slow
@pytest.mark.parametrize("worker_off", [HOUR_S, -HOUR_S], ids=["ahead", "behind"])
def test_clocks_that_are_an_hour_off_change_nothing(system: System, worker_off: int) -> None:
    """The worker's clock is off one way and the scheduler's the other, so they differ by two hours.
    Were one of them asked, the lease would be over at once, or the retry due in two hours."""
    scheduler = system.run_program("scheduler", [SHIFTED, f"{-worker_off}", "flowkit.scheduler"])
    words = [SHIFTED, f"{worker_off}", "flowkit.worker", "--app", APP, "--processes", "1"]
    system.run_program("worker", words, FLOWKIT_LEASE="2")
    with DAG("clocks") as dag:
        app.held.bind("held", gate="a") >> app.flaky.bind("flaky", failures=1)
    with system.client() as client:
        run = client.submit(dag)
        system.started("held")
        before = records(run)["held"].started_ms
        # Longer than the lease: it is renewed by Redis' clock or not at all.
        wait_until("3 s have passed for Redis", lambda: _age_ms(system, run) > 3000)
        system.open_gate("a")
        assert run.wait(20) is RunState.SUCCEEDED
        known = check_executions(system, run)
        status = run.status()
    assert known["held"].attempt == 1
    assert known["flaky"].attempt == 2
    assert before is not None
    assert 0 <= before < 1000 * HOUR_S / 2
    assert status.finished is not None
    assert 3 <= status.finished - status.submitted < 60
    assert "is lost" not in scheduler.log


def _age_ms(system: System, run: object) -> float:
    with system.client() as client, client.shards[0].store() as store:
        seconds, micros = store.link.call("TIME")
        submitted = store.read_run(run.run_id).submitted_ms  # type: ignore[attr-defined]
        return float(seconds) * 1000 + float(micros) / 1000 - submitted
