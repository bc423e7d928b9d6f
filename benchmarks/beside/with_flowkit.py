"""The measurements of flowkit: ``python with_flowkit.py FORM WORKLOAD SIZE``."""

from __future__ import annotations

from collections.abc import Callable

import noops

from flowkit import DAG, LogLevel, configure_logging, task

begin, leaf, count, hop = map(task, (noops.begin, noops.leaf, noops.count, noops.hop))
items, count_list = map(task, (noops.items, noops.count_list))


def fan_out(size: int) -> DAG:
    with DAG("fan_out") as dag:
        begin >> [leaf.bind(f"leaf_{number}") for number in range(size)] >> count
    return dag


def chain(size: int) -> DAG:
    with DAG("chain") as dag:
        last = hop.bind("hop_0")
        dag.add(last)
        for number in range(1, size):
            last = last >> hop.bind(f"hop_{number}")
    return dag


def run_fan_out(executor: str) -> noops.Preparation:
    """Return a function that prepares ``dag.run`` on this executor."""

    def prepare(size: int) -> Callable[[], int]:
        dag = fan_out(size)
        return lambda: dag.run(executor=executor)["count"]

    return prepare


def run_chain(size: int) -> Callable[[], int]:
    dag = chain(size)
    return lambda: dag.run(executor="thread")[f"hop_{size - 1}"]


def run_map(size: int) -> Callable[[], int]:
    with DAG("map") as dag:
        items >> leaf.map() >> count_list
    return lambda: dag.run(executor="thread", params={"size": size})["count_list"]


def build(size: int) -> Callable[[], int]:
    return lambda: len(fan_out(size).tasks) - 2


if __name__ == "__main__":
    configure_logging(LogLevel.WARNING)  # the others write no line per task either
    noops.measure(
        {
            "threads fan-out": run_fan_out("thread"),
            "processes fan-out": run_fan_out("process"),
            "threads chain": run_chain,
            "threads map": run_map,
            "threads build": build,
        }
    )
