"""flowkit: a scheduler and a worker with two child processes."""

from __future__ import annotations

import time
from typing import Any

import host
import jobs

from flowkit import DAG, Client, LogLevel, Task, configure_logging, task
from flowkit.settings import Settings

NAMESPACE = "peers"


@task
def total(*values: int) -> int:
    return jobs.total(values)


@task
def weight(*blocks: str) -> int:
    return jobs.weight(blocks)


@task
def node(*values: int) -> int:
    return jobs.node(values)


@task
def first_hop() -> int:
    return jobs.hop()


@task
def hop(before: int) -> int:
    return jobs.hop(before)


noop, burn, nap, one, leaf, block = map(
    task, (jobs.noop, jobs.burn, jobs.nap, jobs.one, jobs.leaf, jobs.block)
)
SINGLES = {"noop": noop, "burn": burn, "nap": nap, "one": one}
NAMED: dict[str, Task] = {"leaf": leaf, "block": block, "total": total, "weight": weight}


class Peer(host.Adapter):
    """Runs are DAGs: of one task, of a chain, of a fan-out, of layers."""

    def __init__(self) -> None:
        configure_logging(LogLevel.WARNING)
        self._dags = {name: _single(name, item) for name, item in SINGLES.items()}

    def commands(self, mode: str) -> list[list[str]]:
        store = ["--redis", host.URL, "--namespace", NAMESPACE, "--log-level", "warning"]
        shape = ["--app", "with_flowkit", "--processes", str(host.PROCESSES)]
        if mode:
            shape += ["--concurrency", str(host.NAPPERS)]
        return [
            [host.PYTHON, "-m", "flowkit.scheduler", *store],
            [host.PYTHON, "-m", "flowkit.worker", *shape, "--no-capture-output", *store],
        ]

    def open(self) -> None:
        self.client = Client(Settings(redis_url=host.URL, namespace=NAMESPACE))

    def close(self) -> None:
        self.client.close()

    def submit(self, job: str, size: int) -> None:
        self.client.submit_many(self._dags[job], [None] * size)

    def settle(self) -> None:
        while self._active():
            time.sleep(0.001)

    def _active(self) -> Any:
        with self.client.shards[0].store() as store:
            return store.link.call("SCARD", store.keys.active())

    def one(self) -> Any:
        return self._result(self._dags["one"], "one")

    def chain(self, size: int) -> Any:
        with DAG("chain") as dag:
            last = first_hop.bind("hop_0")
            dag.add(last)
            for number in range(1, size):
                last = last >> hop.bind(f"hop_{number}")
        return self._result(dag, f"hop_{size - 1}")

    def fan_in(self, of: str, size: int, end: str) -> Any:
        return self._result(_fan_in(NAMED[of], size, NAMED[end]), end)

    def layered(self, parents: list[list[int]]) -> Any:
        nodes = [node.bind(f"node_{number}") for number in range(len(parents))]
        with DAG("layered") as dag:
            for item, above in zip(nodes, parents, strict=True):
                dag.add(item)
                if above:
                    [nodes[number] for number in above] >> item
        return self._result(dag, nodes[-1].name)

    def _result(self, dag: DAG, name: str) -> Any:
        run = self.client.submit(dag)
        run.wait(host.LONGEST_S)
        return run.result(name)


def _single(name: str, what: Task) -> DAG:
    with DAG(f"single_{name}") as dag:
        dag.add(what)
    return dag


def _fan_in(of: Task, size: int, end: Task) -> DAG:
    with DAG(f"fan_in_{of.name}") as dag:
        [of.bind(f"{of.name}_{number}") for number in range(size)] >> end
    return dag
