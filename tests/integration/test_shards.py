"""Two and four redis-servers as shards of one system, served by real schedulers and workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import fault_app as app
import psutil
import pytest
from helpers import wait_until
from real_system import check_executions
from shards import Shards, all_gone, crews, ids_on, kill_machine, running_shards

from flowkit import DAG
from flowkit.core.states import RunState
from flowkit.exceptions import WrongShards
from flowkit.protocol.rendezvous import owner

SIZES = [2, pytest.param(4, marks=pytest.mark.slow)]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def shards(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shards]:
    """So many servers as the test asks for, two if it does not; nothing else is started yet."""
    with running_shards(getattr(request, "param", 2), tmp_path) as result:
        try:
            yield result
        except BaseException:
            print(result.system.logs())
            raise


@pytest.fixture
def fan_out() -> DAG:
    with DAG("fan") as dag:
        leaves = [app.quick.bind(f"leaf_{n}") for n in range(5)]
        app.quick.bind("root") >> leaves >> app.total.bind("sum")
    return dag


@pytest.fixture
def gated() -> DAG:
    with DAG("gated") as dag:
        app.quick >> app.held.bind("gate", gate="a") >> app.quick.bind("last")
    return dag


@pytest.mark.parametrize("shards", SIZES, indirect=True)
def test_runs_spread_over_all_shards_and_each_task_runs_once(shards: Shards, fan_out: DAG) -> None:
    system, count = shards.system, len(shards.servers)
    scheduler, worker = system.start("--processes", "1")
    with system.client() as client:
        runs = client.submit_many(fan_out, [None] * 24)
        assert {run.wait(60) for run in runs} == {RunState.SUCCEEDED}
        for run in runs:
            assert run.result("sum") == 5
            check_executions(system, run)
        spread = Counter(run.shard.shard.position for run in runs)
        assert len(spread) == count
        assert {run.run for run in client.runs(100)} == {run.run_id for run in runs}
    for process in (scheduler, worker):
        process.terminate()
        assert process.exit_code() == 0


@pytest.mark.slow
@pytest.mark.parametrize("shards", SIZES, indirect=True)
def test_the_command_line_sees_one_system(shards: Shards, gated: DAG) -> None:
    system, count = shards.system, len(shards.servers)
    system.start("--processes", "1")
    wait_until("each shard has a scheduler", lambda: all(shards.leaders()))
    positions = [f"{at}/{count}" for at in range(count)]
    wait_until(
        "each shard has a worker",
        lambda: [item["shard"] for item in shards.json("workers")["items"]] == positions,
    )
    table = shards.flowkit("flowkit", "workers").stdout.splitlines()
    assert table[0].split()[:2] == ["WORKER", "SHARD"]
    assert [line.split()[1] for line in table[1:]] == positions
    for role in ("scheduler", "worker"):
        assert shards.flowkit("flowkit.daemon.health", role).returncode == 0
    names = [next(ids_on(at, count)) for at in range(count)]
    with system.client() as client:
        for name in names:
            client.submit(gated, run_id=name)
        system.started("gate", count)
    assert {run["run_id"] for run in shards.json("ls", "--state", "running")["items"]} == set(names)
    assert shards.json("status", names[-1])["state"] == "running"
    assert shards.json("cancel", names[-1], "--wait")["state"] == "cancelled"
    system.open_gate("a")
    assert shards.json("resume", names[-1], "--wait")["state"] == "succeeded"
    assert "last" in shards.flowkit("flowkit", "graph", "--run", names[0]).stdout
    wait_until("all are over", lambda: not shards.json("ls", "--state", "running")["items"])
    assert shards.flowkit("flowkit", "result", names[0], "last").stdout.strip() == "1"
    missing = shards.flowkit("flowkit", "status", "no-such-run")
    assert (missing.returncode, missing.stdout) == (4, "")
    assert f"in any of the {count} shards" in missing.stderr


def test_dead_letters_come_from_all_shards_and_are_retried_where_they_are(shards: Shards) -> None:
    system = shards.system
    system.start("--processes", "1")
    dag = DAG("asks")
    dag.add(app.ask_twice.bind("ask", gate="a"))
    names = [next(ids_on(at, 2, "dead")) for at in (0, 1)]
    with system.client() as client:
        for name in names:
            assert client.submit(dag, run_id=name).wait(30) is RunState.FAILED
        letters = client.dead_letters()
        assert [letter.run_id for letter in letters] == names[::-1]  # the newest failure first
        assert client.dead_letter(names[1], "ask").letter.error_type == "OSError"
        assert len(client.dead_letters(limit=1)) == 1
    system.open_gate("a")
    for name in names:
        done = shards.flowkit("flowkit", "dead", "retry", name, "--wait")
        assert done.returncode == 0, done.stderr
    assert shards.json("dead", "ls")["items"] == []


# -- schedulers share the shards ------------------------------------------------------------------


@pytest.mark.parametrize("shards", SIZES, indirect=True)
def test_two_schedulers_lead_half_of_the_shards_each_and_one_leads_all(
    shards: Shards, gated: DAG
) -> None:
    system, count = shards.system, len(shards.servers)
    first, _ = system.start("--processes", "1")
    wait_until("the first leads all", lambda: shards.led_by(first) == count)
    second = system.scheduler()
    wait_until("they share", lambda: shards.led_by(second) == count // 2, 40)
    assert shards.led_by(first) == count // 2
    first.says("has handed its lease over to")
    assert "leader_lost" not in first.log
    with system.client() as client:
        runs = [client.submit(gated, run_id=next(ids_on(at, count))) for at in range(count)]
        system.started("gate", count)
        kill_machine(first)
        wait_until("the other leads all", lambda: shards.led_by(second) == count, 5)
        system.open_gate("a")
        for run in runs:
            assert run.wait(30) is RunState.SUCCEEDED
            check_executions(system, run)


def test_a_stopping_scheduler_hands_over_all_its_shards(shards: Shards) -> None:
    system = shards.system
    first = system.scheduler()
    wait_until("it leads all", lambda: shards.led_by(first) == 2)
    second = system.scheduler()
    wait_until("they share", lambda: shards.led_by(second) == 1, 40)
    first.terminate()
    assert first.exit_code() == 0
    wait_until("the other leads all", lambda: shards.led_by(second) == 2)


@pytest.mark.slow
def test_a_dead_scheduler_process_is_restarted(shards: Shards, fan_out: DAG) -> None:
    system = shards.system
    scheduler, _ = system.start("--processes", "1")
    wait_until("it leads all", lambda: shards.led_by(scheduler) == 2)
    crews(scheduler)[1].kill()
    scheduler.says("ended by SIGKILL and is started again")
    with system.client() as client:
        run = client.submit(fan_out, run_id=next(ids_on(1, 2)))
        assert run.wait(30) is RunState.SUCCEEDED


# -- a shard is away ------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", SIZES, indirect=True)
def test_an_outage_of_one_shard_does_not_affect_the_others(
    shards: Shards, gated: DAG, fan_out: DAG
) -> None:
    system, count = shards.system, len(shards.servers)
    system.start("--processes", "1")
    wait_until("each shard has a scheduler", lambda: all(shards.leaders()))
    with system.client() as client:
        held = client.submit(gated, run_id=next(ids_on(0, count)))
        system.started("gate")
        shards.servers[0].kill()
        for at in range(1, count):
            run = client.submit(fan_out, run_id=next(ids_on(at, count, "other")))
            assert run.wait(30) is RunState.SUCCEEDED
            check_executions(system, run)
        system.open_gate("a")
        assert shards.flowkit("flowkit.daemon.health", "worker").returncode == 0
        refused = shards.flowkit("flowkit", "ls")
        assert (refused.returncode, refused.stdout) == (3, "")
        assert shards.servers[0].url in refused.stderr
        shards.servers[0].start()
        assert held.wait(60) is RunState.SUCCEEDED
        check_executions(system, held)


def test_a_dead_worker_process_does_not_affect_other_shards(shards: Shards, gated: DAG) -> None:
    system = shards.system
    system.scheduler()
    worker = system.worker("--processes", "1", lease=1.0)
    with system.client() as client:
        runs = [client.submit(gated, run_id=next(ids_on(at, 2))) for at in (0, 1)]
        system.started("gate", 2)
        crews(worker)[0].kill()
        worker.says("ended by SIGKILL and is started again")
        again = system.started("gate", 3)
        assert again.run == runs[0].run_id
        system.open_gate("a")
        for run, repeats in zip(runs, (0, 0), strict=True):
            assert run.wait(30) is RunState.SUCCEEDED
            check_executions(system, run, repeats=repeats)


# -- the end of a worker --------------------------------------------------------------------------


def test_a_stopping_worker_of_several_shards_lets_running_tasks_finish(
    shards: Shards, gated: DAG
) -> None:
    system = shards.system
    _, worker = system.start("--processes", "1")
    with system.client() as client:
        runs = [client.submit(gated, run_id=next(ids_on(at, 2))) for at in (0, 1)]
        system.started("gate", 2)
        worker.terminate()
        wait_until("both crews stop", lambda: worker.log.count("is stopping") == 2)
        system.open_gate("a")
        assert worker.exit_code() == 0
        assert {run.status().counts["succeeded"] for run in runs} <= {2, 3}
    assert len(system.executions("gate")) == 2


@pytest.mark.slow
def test_a_second_signal_stops_it_immediately(shards: Shards, gated: DAG) -> None:
    system = shards.system
    _, worker = system.start("--processes", "1")
    with system.client() as client:
        for at in (0, 1):
            client.submit(gated, run_id=next(ids_on(at, 2)))
        system.started("gate", 2)
        worker.terminate()
        wait_until("both crews stop", lambda: worker.log.count("is stopping") == 2)
        worker.terminate_again()
        assert worker.exit_code() == 0


def test_nothing_outlives_a_worker_or_scheduler_that_is_killed(
    shards: Shards, fan_out: DAG
) -> None:
    system = shards.system
    processes = system.start("--processes", "1")
    with system.client() as client:
        client.submit(fan_out).wait(30)

    def below() -> list[psutil.Process]:
        parents = [psutil.Process(process.pid) for process in processes]
        return [child for parent in parents for child in parent.children(recursive=True)]

    wait_until("all processes are there", lambda: len(below()) >= 2 + 2 * 3)
    families = below()
    for process in processes:
        process.kill()
    all_gone(families)


def test_an_app_that_cannot_be_loaded_ends_the_whole_worker(shards: Shards) -> None:
    system = shards.system
    worker = system.worker("--processes", "1", app="no_such_app")
    assert worker.exit_code() == 2


# -- another list ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [3], indirect=True)
def test_a_shard_is_appended_to_a_system_with_runs(
    shards: Shards, gated: DAG, fan_out: DAG
) -> None:
    system = shards.system
    shards.use(2)
    old_scheduler, old_worker = system.start("--processes", "1")
    wait_until("two shards have a scheduler", lambda: all(shards.leaders()[:2]))
    with system.client() as few:
        moving = list(islice(ids_on(2, 3, "old"), 50))
        names = [next(run for run in moving if owner(run, 2) == at) for at in (0, 1)]
        held = [few.submit(gated, run_id=run) for run in names]
        system.started("gate", 2)
        shards.use(3)
        hasty = system.scheduler()
        assert hasty.exit_code() == 2
        assert "stop all schedulers before you start them with the longer list" in hasty.log
        old_scheduler.terminate()
        assert old_scheduler.exit_code() == 0
        system.scheduler()
        wait_until("three shards have a scheduler", lambda: all(shards.leaders()))
        # The old worker continues with what it has; a new one serves all three.
        system.worker("--processes", "1")
        system.open_gate("a")
        with system.client() as many:
            for run in held:
                assert many.run(run.run_id).wait(30) is RunState.SUCCEEDED
                assert many.submit(gated, run_id=run.run_id).shard.shard.url == run.shard.shard.url
            run = many.submit(fan_out, run_id=next(ids_on(2, 3, "new")))
            assert run.wait(30) is RunState.SUCCEEDED
            assert run.shard is many.shards[2]
    old_worker.terminate()
    assert old_worker.exit_code(40) == 0
    shards.use(2)
    with pytest.raises(WrongShards, match="shard 0/2, but its schedulers made it shard 0/3"):
        system.client()
    for late in (system.worker(), system.scheduler()):
        assert late.exit_code() == 2
        assert "its schedulers made it shard" in late.log
    refused = shards.flowkit("flowkit", "ls", url=shards.urls(2))
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: the list of Redis URLs makes redis://127.0.0.1")


def test_a_client_with_one_of_two_urls_is_refused(shards: Shards) -> None:
    shards.system.scheduler()
    wait_until("each shard has a scheduler", lambda: all(shards.leaders()))
    shards.use(1)
    with pytest.raises(WrongShards, match="shard 0/1, but its schedulers made it shard 0/2"):
        shards.system.client()


@pytest.mark.slow
def test_a_run_with_its_own_system_uses_only_the_first_shard(shards: Shards) -> None:
    """``flowkit run`` brings its scheduler and workers, and disturbs those of the system not."""
    shards.system.scheduler()
    wait_until("each shard has a scheduler", lambda: all(shards.leaders()))
    done = shards.flowkit("flowkit", "run", str(EXAMPLES / "etl.py"))
    assert done.returncode == 0, done.stderr
    assert f"Using Redis at {shards.servers[0].url}, namespace run-" in done.stderr
