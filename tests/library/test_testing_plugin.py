"""The fixtures that pytest has where flowkit is installed, as users' projects see them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

APP = """
import os
from flowkit import DAG, task

@task
def extract(day="today"):
    print("reading", day)
    return [day, os.getpid()]

@task
def load(rows):
    return rows

@task
def fail():
    raise ValueError("bad row")

with DAG("good") as etl:
    extract >> load
with DAG("bad") as bad:
    bad.add(fail)
"""


def passes(pytester: pytest.Pytester, count: int, *words: str) -> pytest.RunResult:
    """Run the tests as a user does, with nothing of this project's on their path."""
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", *words)
    result.assert_outcomes(passed=count)
    return result


def test_pytest_starts_without_importing_flowkit(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_none_of_it_is_present(request):
            assert request.config.pluginmanager.has_plugin("flowkit")
            assert "pytest_flowkit" in sys.modules
            heavy = {"flowkit", "redis", "fakeredis", "msgpack"}
            assert not heavy & set(sys.modules)
        """
    )
    passes(pytester, 1)


def test_each_fixture_says_what_it_is_for(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--fixtures", "-q")
    for name in ("clock", "registry", "run", "redis", "system"):
        result.stdout.re_match_lines([rf"flowkit_{name} -- .+", r"    \S.*"])


@pytest.mark.slow
def test_a_run_on_the_test_s_clock(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from flowkit import DAG, task

        def test_hours(flowkit_run, flowkit_clock, flowkit_registry):
            @task(retries=2, delay=3600)
            def fetch():
                raise OSError("busy")

            assert flowkit_registry == [fetch]
            flowkit_run(DAG("hours")).assert_failed("fetch", OSError).assert_attempts("fetch", 3)
            assert flowkit_clock.monotonic() >= 3 * 3600

        def test_another_clock(flowkit_clock):
            assert flowkit_clock.monotonic() == 0
        """
    )
    passes(pytester, 2)


def test_the_registry_is_restored(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from flowkit import Task, task
        from flowkit.definition.task import registered_task

        @task
        def mine():
            return 1

        def test_inside(flowkit_registry):
            assert (flowkit_registry, registered_task(mine.ref)) == ([], None)
            task(len)

        def test_outside():
            assert (Task._all_tasks, registered_task(mine.ref)) == ([mine], mine)
        """
    )
    passes(pytester, 2)


@pytest.mark.slow
def test_a_store_for_one_test(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWKIT_REDIS_URL", "redis://nowhere.invalid:1/0")
    pytester.makepyfile(
        orders="""
        from flowkit import DAG, task

        @task
        def collect():
            return 1

        with DAG("orders") as dag:
            dag.add(collect)
        """,
        test_store="""
        import os
        import pytest
        from flowkit import Client
        from orders import dag

        @pytest.mark.parametrize("time", [1, 2])
        def test_it_is_empty_each_time(flowkit_redis, time):
            with Client.connect() as client:
                assert client.url == flowkit_redis
                assert client.runs() == []
                client.submit(dag)
                assert len(client.runs()) == 1

        def test_nothing_is_left():
            assert os.environ["FLOWKIT_REDIS_URL"] == "redis://nowhere.invalid:1/0"
            assert "FLOWKIT_NAMESPACE" not in os.environ
        """,
    )
    monkeypatch.delenv("FLOWKIT_NAMESPACE", raising=False)
    passes(pytester, 3)


SYSTEM_TESTS = """
import os, sys, time
from pathlib import Path
import psutil
import pytest
from flowkit import Client, FlowkitError, Task, TaskExecutionError
from flowkit.processes.daemon_output import Line
from flowkit.exceptions import AppError, UnknownDAGError, WaitTimeout

PATH = list(sys.path)

def test_a_run_by_name(flowkit_system):
    system = flowkit_system("etl.py", workers=1)
    day, pid = system.run("good", {"day": "Monday"})["load"]
    assert day == "Monday"
    assert pid != os.getpid()
    with Client.connect() as client:
        assert (client.url, client.settings.namespace) == (system.url, system.namespace)
        assert [run.dag_name for run in client.runs()] == ["good"]
    assert [run.dag_name for run in system.client.runs()] == ["good"]
    deadline = time.monotonic() + 20
    while "reading Monday" not in [line.text for line in system.lines]:
        assert time.monotonic() < deadline
        time.sleep(0.01)

def test_a_failed_run_and_a_wrong_name(flowkit_system):
    system = flowkit_system("etl.py", workers=1)
    with pytest.raises(TaskExecutionError, match="bad row"):
        system.run(system.dag("bad"))
    with pytest.raises(UnknownDAGError, match="'goood'"):
        system.run("goood")

def test_a_run_that_takes_too_long_shows_what_was_printed(flowkit_system):
    system = flowkit_system("etl.py", workers=1, queues=["elsewhere"])
    with pytest.raises(WaitTimeout, match=r"ended after 1 s\\. .*'default'") as caught:
        system.run("good", timeout=1)
    assert caught.value.__notes__ == ["Nothing was printed."]
    system.lines.append(Line("worker", "hm"))
    with pytest.raises(WaitTimeout) as caught:
        system.run("good", timeout=0.1)
    assert caught.value.__notes__ == ["Last lines:\\n  worker: hm"]

def test_the_error_names_the_timeout_that_was_given(flowkit_system):
    system = flowkit_system("etl.py", workers=1, queues=["elsewhere"])
    with pytest.raises(WaitTimeout, match=r"ended after 1\\.2 s"):
        system.run("good", timeout=1.2)

def test_the_queues_of_the_app_are_served(flowkit_system, tmp_path):
    app = tmp_path / "queued.py"
    app.write_text(
        "from flowkit import DAG, task\\n"
        "@task(queue='gpu')\\n"
        "def on_gpu() -> int: return 1\\n"
        "dag = DAG('queued', tasks=[on_gpu])\\n"
    )
    assert flowkit_system(app, workers=1).run(timeout=30) == {"on_gpu": 1}

def test_daemons_that_cannot_work(flowkit_system, tmp_path):
    app = tmp_path / "fragile.py"
    app.write_text(Path("etl.py").read_text())
    system = flowkit_system(app, workers=1)
    app.write_text("raise OSError('the disk is gone')")
    for child in psutil.Process().children():
        if "flowkit.worker" in child.cmdline():
            child.kill()
    with pytest.raises(FlowkitError, match="the disk is gone"):
        system.run("good")

def test_a_missing_app(flowkit_system):
    with pytest.raises(AppError, match="absent.py"):
        flowkit_system("absent.py")

def test_nothing_is_left_behind():
    assert "etl" not in sys.modules
    assert Task._all_tasks == []
    assert sys.path == PATH
"""


@pytest.mark.slow
def test_a_whole_system(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(etl=APP, test_system=SYSTEM_TESTS)
    passes(pytester, 8)


@pytest.mark.slow
def test_workers_find_the_modules_that_the_test_finds(pytester: pytest.Pytester) -> None:
    """By pytest's own ``pythonpath``, of which another process knows nothing."""
    folder = pytester.mkdir("source")
    (folder / "etl.py").write_text(APP)
    pytester.makeini("[pytest]\npythonpath = source\n")
    pytester.makepyfile(
        """
        import etl

        def test_by_module(flowkit_system):
            assert flowkit_system(etl, workers=1).run(etl.etl)["load"][0] == "today"

        def test_by_name(flowkit_system):
            assert flowkit_system("etl", workers=1).run("good")["load"][0] == "today"
        """
    )
    passes(pytester, 2)


@pytest.mark.slow
def test_each_worker_of_xdist_has_stores_of_its_own(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile(
        orders=APP,
        test_many="""
        import pytest
        import orders

        @pytest.mark.parametrize("time", range(4))
        def test_alone(flowkit_redis, time):
            from flowkit import Client
            with Client.connect() as client:
                client.submit(orders.etl)
                assert len(client.runs()) == 1
        """,
    )
    passes(pytester, 4, "-n", "2")


def test_the_plugin_is_installed_beside_the_package() -> None:
    import pytest_flowkit

    assert "flowkit.testing.plugin" not in sys.modules
    assert Path(pytest_flowkit.__file__).parent.parent.name in ("testing", "site-packages")
