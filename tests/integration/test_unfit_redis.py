"""A Redis that refuses writes or deletes keys is reported clearly. Programs wait for it.

Once it is repaired, the run continues without a restart or a repetition.
"""

from __future__ import annotations

import os
import signal

import ailing_redis
import fault_app as app
import pytest
from ailing_redis import AILMENTS, EVICTING, KEEPING, Ailment
from real_redis import RealRedis
from real_system import System, check_executions

from flowkit import DAG, Client
from flowkit.core.states import RunState
from flowkit.exceptions import RedisUnavailable, RunNotFound, UnfitRedis

LATE = """
from flowkit import DAG, task
@task
def late(): ...
with DAG("late") as dag:
    dag.add(late)
"""


def waiting(name: str) -> DAG:
    with DAG(name) as dag:
        app.held.bind("held", gate="a") >> [app.brief.bind(f"leaf_{n}") for n in range(20)]
    return dag


QUICK, *OTHERS = sorted(AILMENTS, key=lambda item: item.name != "memory")


@pytest.mark.parametrize(
    "ailment",
    [
        pytest.param(QUICK, id=QUICK.name),
        *(pytest.param(item, id=item.name, marks=pytest.mark.slow) for item in OTHERS),
    ],
)
def test_programs_wait_for_a_redis_that_refuses_writes(
    frail_system: System, own_redis: RealRedis, ailment: Ailment
) -> None:
    system = frail_system
    daemons = system.start("--processes", "2")
    with system.client() as client, Client(client.settings, patience=0.0) as hasty:
        run = client.submit(waiting("first"))
        system.started("held")
        ailment.begin(own_redis)
        system.open_gate("a")
        for daemon in daemons:
            daemon.says("Waiting for Redis")
        with pytest.raises(RedisUnavailable, match=ailment.advice):
            hasty.submit(waiting("second"), run_id="refused")
        (system.folder / "late.py").write_text(LATE)
        words = ["-m", "flowkit", "submit", "late.py", "--run-id", "refused"]
        command = system.run_program("cli", words)
        assert command.exit_code() == 3
        assert ailment.advice in command.log
        ailment.mend(own_redis)
        assert run.wait(30) is RunState.SUCCEEDED
        check_executions(system, run)
        with pytest.raises(RunNotFound, match="no run 'refused'"):
            client.run("refused")
    for process in system.processes:
        assert "Traceback" not in process.log
        assert process.log.count("Waiting for Redis") <= 2, "once for each outage"
    assert all(daemon.popen.poll() is None for daemon in daemons)


def test_an_evicting_policy_is_reported_while_runs_continue(
    frail_system: System, own_redis: RealRedis
) -> None:
    """Running daemons continue and the leader says so; whoever starts then is refused."""
    system = frail_system
    scheduler, worker = system.start("--processes", "2")
    with system.client() as client:
        run = client.submit(waiting("first"))
        system.started("held")
        ailing_redis.config(own_redis, maxmemory_policy=EVICTING)
        scheduler.says(f"maxmemory-policy '{EVICTING}'")
        with pytest.raises(UnfitRedis, match=EVICTING):
            Client(client.settings)
        late = system.scheduler()
        assert late.exit_code() == 3
        system.open_gate("a")
        assert run.wait(30) is RunState.SUCCEEDED
        check_executions(system, run)
        ailing_redis.config(own_redis, maxmemory_policy=KEEPING)
        scheduler.says("no longer deletes keys")
    assert (scheduler.popen.poll(), worker.popen.poll()) == (None, None)


@pytest.mark.slow
def test_a_worker_that_was_declared_dead_comes_back_to_a_redis_that_evicts(
    frail_system: System, own_redis: RealRedis
) -> None:
    """It asked again whether the server is fit, and ended: the others had gone on."""
    system = frail_system
    scheduler, worker = system.start("--processes", "1", lease=1.0)
    with system.client() as client:
        run = client.submit(waiting("first"))
        system.started("held")
        ailing_redis.config(own_redis, maxmemory_policy=EVICTING)
        os.kill(worker.pid, signal.SIGSTOP)
        scheduler.says("is lost: its lease expired")
        os.kill(worker.pid, signal.SIGCONT)
        worker.says("started in its place")
        system.open_gate("a")
        assert run.wait(30) is RunState.SUCCEEDED
    assert worker.popen.poll() is None
