"""Runs with mapped tasks whose records are written by hand, as workers and a scheduler write them.

``files >> parse.map() >> store.map() >> merge``: task 0 is ``files``, 1 ``parse``, 2 ``store``, 3
``merge``; so ``parse[i]`` is number ``4 + 2 * i`` and ``store[i]`` number ``5 + 2 * i``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flowkit import DAG, Client, RunHandle, Task
from flowkit.codec.packing import pack
from flowkit.embedded import EmbeddedServer
from flowkit.protocol.records import ErrorInfo

OVER = "S1,W.0,0,10,25,5"  # a task that ran for 15 ms on the first lane of worker W


def files() -> list[str]:
    return ["a", "b", "c"]


def parse(file: str) -> int:
    return len(file)


def store(size: int) -> int:
    return size


def merge(sizes: list[int]) -> int:
    return sum(sizes)


def chain(name: str = "maps", **options: object) -> DAG:
    with DAG(name) as dag:
        mapped = Task(parse, **options).map(label="file {item}")
        Task(files) >> mapped >> Task(store).map() >> Task(merge)
    return dag


def parse_item(index: int) -> int:
    return 4 + 2 * index


def store_item(index: int) -> int:
    return 5 + 2 * index


@contextmanager
def submitted(dag: DAG | None = None) -> Iterator[tuple[Client, RunHandle]]:
    """A run in a separate store, without any record."""
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        yield client, client.submit(dag or chain(), run_id="r1")


def write(
    run: RunHandle,
    records: Mapping[int, str],
    *,
    results: Mapping[int, object] | None = None,
    errors: Mapping[int, str] | None = None,
    labels: Mapping[int, str] | None = None,
    fields: Mapping[str, object] | None = None,
) -> None:
    """Write these fields of a run."""
    with run.shard.store() as at:
        keys, call = at.keys, at.link.call
        for number, record in records.items():
            call("HSET", keys.tasks("r1"), number, record)
        for number, value in (results or {}).items():
            call("HSET", keys.results("r1"), number, pack(value))
        for number, message in (errors or {}).items():
            call("HSET", keys.errors("r1"), number, ErrorInfo("ValueError", message).pack())
        for number, label in (labels or {}).items():
            call("HSET", keys.inputs("r1"), f"{number}=", label)
        for name, value in (fields or {}).items():
            call("HSET", keys.run("r1"), name, value)


def expanded(count: int = 3) -> dict[int, str]:
    """``files`` has returned that many elements."""
    return {0: f"{OVER},{count}/{count or 1}"}


def finished(count: int = 3) -> dict[int, str]:
    """All tasks and items have succeeded."""
    items = {at(index): OVER for at in (parse_item, store_item) for index in range(count)}
    mapped = dict.fromkeys((1, 2), f"S0,,0,,30,,{count}")
    return {**expanded(count), **items, **mapped, 3: OVER}
