"""A worker is cut off, Redis has no memory left, a client is killed; every run still ends."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import fault_app as app
import pytest
from helpers import wait_until
from real_redis import RealRedis
from real_system import HERE, System, check_executions

from flowkit import DAG
from flowkit.core.states import RunState, TaskState


class Wire:
    """A way to a port of 127.0.0.1 that can be cut: nothing comes through, or gets connected."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_cut = False
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        """End what is connected, and refuse what comes."""
        self._is_cut = True
        for end in list(self._ends):
            _hang_up(end)

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        _hang_up(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._ends.append(near)
                if self._is_cut:
                    _hang_up(near)
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends.append(far)
                for pair in ((near, far), (far, near)):
                    thread = threading.Thread(target=_pump, args=pair)
                    self._threads.append(thread)
                    thread.start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _hang_up(source)
    _hang_up(target)


def _hang_up(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(redis_server: RealRedis) -> Iterator[Wire]:
    wire = Wire(redis_server.port)
    yield wire
    wire.close()


def test_outcomes_of_a_disconnected_worker_do_not_count(system: System, wire: Wire) -> None:
    """Its lease runs out, so another worker makes its task again. The first one comes back with an
    outcome of its own, and only one of the two may be recorded."""
    system.scheduler()
    far = system.worker(
        "--processes", "1", lease=1.0, FLOWKIT_REDIS_URL=f"redis://127.0.0.1:{wire.port}/0"
    )
    with DAG("cut") as dag:
        app.held.bind("held", gate="a") >> app.total.bind("sum")
    with system.client() as client:
        run = client.submit(dag)
        system.started("held")
        wire.cut()
        far.says("Waiting for Redis")
        system.worker("--processes", "1", lease=1.0)
        system.started("held", 2)
        wire.mend()
        far.says("started in its place")
        system.open_gate("a")
        assert run.wait_results(30) == {"held": 2, "sum": 2}
        known = check_executions(system, run)
    assert known["held"].state is TaskState.SUCCEEDED
    assert known["held"].attempt == 2


def test_programs_wait_for_a_redis_without_memory(
    frail_system: System, own_redis: RealRedis
) -> None:
    """It refuses every write, and deletes nothing; when it has room again, the run continues."""
    system = frail_system
    scheduler, worker = system.start("--processes", "2")
    with DAG("full") as dag:
        middle = [app.brief.bind(f"leaf_{n}") for n in range(100)]
        app.held.bind("root", gate="a") >> middle >> app.total.bind("sum")
    with system.client() as client, own_redis.client() as server:
        run = client.submit(dag)
        system.started("root")
        server.config_set("maxmemory", "1")
        system.open_gate("a")
        wait_until("somebody says so", lambda: "maxmemory" in scheduler.log + worker.log)
        server.config_set("maxmemory", "0")
        assert run.wait(30) is RunState.SUCCEEDED
        assert run.result("sum") == 100
        check_executions(system, run)
    assert "Traceback" not in scheduler.log + worker.log


WAITING_CLIENT = """
import sys
sys.path.insert(0, sys.argv[1])
import fault_app as app
from flowkit import DAG
with DAG("left") as dag:
    app.held.bind("held", gate="a") >> app.total.bind("sum")
dag.submit(run_id="left-behind").wait()
"""


def test_a_run_continues_after_its_client_is_killed(system: System) -> None:
    system.start("--processes", "1")
    waiting = system.run_program("client", ["-c", WAITING_CLIENT, str(HERE)])
    system.started("held")
    waiting.kill()
    system.open_gate("a")
    with system.client() as client:
        run = client.run("left-behind")
        assert run.wait_results(30) == {"held": 1, "sum": 1}
        check_executions(system, run)
