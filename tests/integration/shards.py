"""Several redis-servers and a system of real processes on them, for tests of shards."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from forker import FLOWKIT, shared_forker
from helpers import wait_until
from real_redis import RealRedis
from real_system import Process, System
from schema import strays, violations

from flowkit.protocol.rendezvous import owner

NAMESPACE = "shards"


class Shards:
    """``servers`` and ``system``: a scheduler or worker started there gets their URLs."""

    def __init__(self, servers: list[RealRedis], folder: Path) -> None:
        self.servers = servers
        self.system = System(self.urls(), NAMESPACE, folder)

    def urls(self, shards: int | None = None) -> str:
        return " ".join(server.url for server in self.servers[:shards])

    def use(self, shards: int) -> None:
        """Let what is started from now on know the first so many shards only."""
        self.system.url = self.urls(shards)

    def leaders(self) -> list[str]:
        """Return the id of the scheduler that leads each shard, '' for none."""
        result: list[str] = []
        for server in self.servers:
            with server.client() as client:
                text = (client.get(f"{{{NAMESPACE}}}:leader") or b"").decode()
                seconds, micros = client.time()
            holder, _, deadline = (text or ",,0").split(",")
            result.append(holder if int(deadline) > seconds * 1000 + micros // 1000 else "")
        return result

    def led_by(self, scheduler: Process) -> int:
        """Return how many shards the children of this process lead."""
        return sum(
            f"Scheduler {leader} started" in scheduler.log for leader in self.leaders() if leader
        )

    def flowkit(self, *words: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line against these shards."""
        environ = {key: value for key, value in os.environ.items() if "FLOWKIT" not in key}
        environ |= {"FLOWKIT_REDIS_URL": url or self.urls(), "FLOWKIT_NAMESPACE": NAMESPACE}
        if words[0] == FLOWKIT:
            return shared_forker().run(words[1:], self.system.folder, environ, 60)
        return subprocess.run(
            [sys.executable, "-P", "-m", *words],
            env=environ, cwd=self.system.folder, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def json(self, *words: str) -> Any:
        done = self.flowkit("flowkit", *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def check_schema(self) -> None:
        for server in self.servers:
            if server.process is not None:
                with server.client() as client:
                    assert violations(client, NAMESPACE) + strays(client) == []


@contextmanager
def running_shards(count: int, folder: Path) -> Iterator[Shards]:
    """Start so many servers that keep their data, and end all that a test started on them."""
    servers = [RealRedis(folder / f"redis-{at}", aof=True) for at in range(count)]
    made = None
    try:
        for server in servers:
            server.start()
        made = Shards(servers, folder)
        yield made
        made.check_schema()
    finally:
        if made is not None:
            made.system.close()
        for server in servers:
            server.stop()


def ids_on(shard: int, shards: int, prefix: str = "run") -> Iterator[str]:
    """Yield ids of runs that belong to a shard."""
    return (
        run
        for run in (f"{prefix}-{number}" for number in itertools.count())
        if owner(run, shards) == shard
    )


def crews(worker: Process) -> list[psutil.Process]:
    """Return the processes of a worker of several shards, one for each, the oldest first."""
    result = psutil.Process(worker.pid).children()
    return sorted(result, key=lambda item: (item.create_time(), item.pid))


def kill_machine(parent: Process) -> None:
    """Kill a parent and all below it, as if its machine was gone."""
    family = [psutil.Process(parent.pid), *psutil.Process(parent.pid).children(recursive=True)]
    for item in family:
        item.suspend()  # nobody may notice the death of another one
    for item in family:
        item.kill()
    parent.popen.wait(20)


def all_gone(processes: list[psutil.Process]) -> None:
    for process in processes:
        wait_until(f"process {process.pid} has ended", lambda it=process: not it.is_running(), 30)
