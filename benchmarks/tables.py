"""``python -m benchmarks.tables``: how long tables take to pack and unpack, next to pickle.

Each table has a million rows. A round packs and unpacks with both, one after the other, so that a
busy machine slows down both; the shortest of several rounds counts.
"""

from __future__ import annotations

import datetime as dt
import pickle
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import click
import numpy as np
import pandas as pd
import polars as pl

from flowkit.codec.packing import pack, unpack

_NO_LIMIT = 2**40


def tables(rows: int) -> dict[str, Any]:
    """Return the tables, by what they hold."""
    random = np.random.default_rng(1)
    numbers = random.integers(0, 1000, rows)
    names = [f"name {number}" for number in range(rows)]
    days = [dt.date(2026, 1, 1) + dt.timedelta(int(number)) for number in numbers]
    orders = pd.DataFrame(
        {
            "id": np.arange(rows),
            "price": random.random(rows),
            "items": pd.array(numbers, dtype="Int64"),
            "name": names,
            "shop": pd.Categorical.from_codes(numbers % 3, ["a", "b", "c"]),
            "time": pd.date_range("2026", periods=rows, freq="s", tz="UTC"),
        }
    )
    return {
        "numbers": pd.DataFrame(random.random((rows, 4))),
        "text": orders[["name"]].copy(),
        "text, dtype object": orders[["name"]].astype(object),
        "dates, dtype object": pd.DataFrame({"day": pd.Series(days, dtype=object)}),
        "orders: all of these dtypes": orders,
        "orders in polars": pl.DataFrame({"id": numbers, "name": names}),
    }


def seconds(function: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    begun = perf_counter()
    function()
    return perf_counter() - begun


def measure(table: Any, repeat: int) -> tuple[float, float, float, float]:
    """Return the seconds of pickle.dumps, pickle.loads, pack and unpack."""
    pickled, packed = pickle.dumps(table, 5), pack(table, max_bytes=_NO_LIMIT)
    rounds = [
        (
            seconds(lambda: pickle.dumps(table, 5)),
            seconds(lambda: pickle.loads(pickled)),
            seconds(lambda: pack(table, max_bytes=_NO_LIMIT)),
            seconds(lambda: unpack(packed, max_bytes=_NO_LIMIT)),
        )
        for _ in range(repeat)
    ]
    first, second, third, fourth = (min(times) for times in zip(*rounds, strict=True))
    return first, second, third, fourth


@click.command()
@click.option("--rows", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option("--repeat", type=click.IntRange(1), default=9, show_default=True)
def main(rows: int, repeat: int) -> None:
    """Measure tables of so many rows, and print a table."""
    print(f"| {rows:,} rows | pickle | flowkit | times as fast |")
    print("| --- | ---: | ---: | ---: |")
    for name, table in tables(rows).items():
        dump, load, packing, unpacking = (1000 * time for time in measure(table, repeat))
        ratio = (dump + load) / (packing + unpacking)
        here = f"{packing:.1f} + {unpacking:.1f} ms"
        print(f"| {name} | {dump:.1f} + {load:.1f} ms | {here} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
