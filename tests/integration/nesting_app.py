"""Tasks that submit runs to the system of their worker."""

from __future__ import annotations

import asyncio
import os
import time

from fault_app import is_open, note

from flowkit import DAG, Client, task
from flowkit.codec.provenance import Provenance


@task
def leaf(number: int = 1, gate: str = "") -> int:
    attempt = note()
    while gate and not is_open(gate):
        time.sleep(0.02)
    return number * 10 + attempt


@task
def fails_first() -> int:
    if note() == 1:
        raise ValueError("the first time")
    return 7


inner = DAG("inner", tasks=[leaf])
frail = DAG("frail", tasks=[fails_first])


@task(queue="outer")
def submits(gate: str) -> list[str]:
    """Submit two equal runs and another one, and wait outside of them."""
    runs = [inner.submit(), inner.submit(), inner.submit(params={"number": 2})]
    note()
    while not is_open(gate):
        time.sleep(0.02)
    return [run.run_id for run in runs]


@task(queue="outer")
async def awaits() -> list[object]:
    """Await runs together, whose threads submit them in any order."""
    note()
    runs = [inner.arun("redis", params={"number": n, "gate": "leaf"}) for n in (1, 2, 3)]
    return [result["leaf"] for result in await asyncio.gather(*runs)]


@task(queue="outer", retries=1, delay=0.01)
def retries() -> object:
    note()
    return frail.run("redis", timeout=30)["fails_first"]


@task(queue="outer")
def looks(other: str) -> dict[str, object]:
    """Tell where the runs of this task go, and with which keys."""
    result: dict[str, object] = {}
    with Client.connect() as client:
        result["namespace"] = client.settings.namespace
        result["source"] = client.settings.source("namespace")
        result["signs"] = client.provenance != Provenance(())
    with Client.connect(namespace=other) as client:
        result["argument"] = client.settings.namespace
        result["ids"] = sorted({client.submit(inner).run_id for _ in range(2)})
    os.environ["FLOWKIT_NAMESPACE"] = other
    try:
        with Client.connect() as client:
            result["environment"] = client.settings.namespace
    finally:
        del os.environ["FLOWKIT_NAMESPACE"]
    return result


def outer(*tasks: str, **bound: object) -> DAG:
    known = {"submits": submits, "awaits": awaits, "retries": retries, "looks": looks}
    return DAG("outer", tasks=[known[name].bind(name, **bound) for name in tasks])
