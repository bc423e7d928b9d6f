"""Tables in runs of this process: what is said of those that workers refuse; caches; copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from tables import TABLES, assert_same

from flowkit import DAG, StateManager, task
from flowkit.codec.packing import pack, unpack
from flowkit.codec.provenance import Provenance, result_purpose
from flowkit.codec.tables import table_fault
from flowkit.local.cache import clear_cache
from flowkit.testing import run_dag


@pytest.fixture(autouse=True)
def nothing_cached() -> Iterator[None]:
    clear_cache()
    yield
    clear_cache()


SPARSE = pd.DataFrame({"kept": [1], "s": pd.arrays.SparseArray([0])})
REFUSED = {
    "sparse": (SPARSE, "result['s']: <class 'pandas.DataFrame'> has values of dtype Sparse"),
    "in a dict": ({"t": SPARSE}, "result['t']['s']"),
    "in a list": ([1, SPARSE], "result[1]['s']"),
    "lazy": (pl.LazyFrame({"a": [1]}), "Return value.collect()"),
    "object": (pd.Series([1, object()]), "a cell of result"),
    "object in a column": (pd.DataFrame({"o": [object()]}), "a cell of result['o']"),
    "array": (np.array([1, object()], dtype=object), "a cell of result"),
    "index": (pd.Series([1], index=pd.Index([object()])), "result.index"),
    "masked": (np.ma.array([1]), "Return value.tolist()"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_table_that_a_worker_would_refuse_is_a_warning(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    value, text = REFUSED[name]
    with DAG("d") as dag:
        dag.add(task(name="make")(lambda: value))
    assert dag.run()["make"] is value
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "WARNING" in line]
    assert "Task result would fail on workers: make: " in said
    assert text in said
    assert not run_dag(dag).succeeded, "as on workers"


@pytest.mark.parametrize("name", list(TABLES))
def test_nothing_is_said_of_a_table_that_travels(name: str) -> None:
    assert table_fault(TABLES[name]) is None
    assert table_fault({"t": TABLES[name]}) is None


def test_nothing_is_said_of_other_values() -> None:
    class Odd:
        def __len__(self) -> int:
            raise RuntimeError

    for value in (None, 1, "x", [object()], {"o": object()}, Odd(), [Odd()]):
        assert table_fault(value) is None


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_as_an_argument_finds_the_cached_result(name: str) -> None:
    calls: list[Any] = []

    def shape(table: Any) -> int:
        calls.append(table)
        return 7

    value = TABLES[name]
    for given in (value, unpack(pack(value))):
        with DAG("d") as dag:
            task(name="make")(lambda given=given: given) >> task(cache_ttl=60)(shape)
        assert dag.run()["shape"] == 7
    assert len(calls) == 1


def test_a_table_is_a_cached_result_and_a_state() -> None:
    frame = TABLES["pandas: zone by key"]
    with DAG("d") as dag:
        dag.add(task(name="make", cache_ttl=60)(lambda: frame))
    for _ in range(2):
        assert_same(dag.run()["make"], frame)


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_is_kept_in_a_file(name: str, tmp_path: Any) -> None:
    StateManager(tmp_path / "state.json").set("table", TABLES[name])
    assert_same(StateManager(tmp_path / "state.json").get("table"), TABLES[name])


@pytest.mark.parametrize("name", list(TABLES))
def test_a_task_with_copied_arguments_gets_an_equal_table(name: str) -> None:
    with DAG("d") as dag:
        task(name="make")(lambda: TABLES[name]) >> task(copy_arguments=True)(same)
    assert_same(dag.run()["same"], TABLES[name])


def same(table: Any) -> Any:
    return table


def test_a_change_of_a_copied_argument_is_seen_nowhere_else() -> None:
    def change(table: Any) -> Any:
        table.iloc[0, 0] = -1
        return table

    with DAG("d") as dag:
        task(name="make")(lambda: pd.DataFrame({"a": [1]})) >> task(copy_arguments=True)(change)
    results = dag.run()
    assert results["make"]["a"].tolist() == [1]
    assert results["change"]["a"].tolist() == [-1]


@pytest.mark.parametrize("name", list(TABLES))
def test_a_signed_table_is_read(name: str) -> None:
    signer = Provenance([b"0123456789abcdef"])
    purpose = result_purpose("n", "r", "1", "d", 0)
    stored = signer.sign(pack(TABLES[name]), purpose)
    assert_same(unpack(signer.open(stored, purpose, "the result")), TABLES[name])
