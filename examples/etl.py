"""Extract, transform, load: the smallest DAG that does something useful.

Shows edges drawn with `>>`, a task with two upstream tasks, retries, run parameters, and a load
that is safe to repeat.

    extract_customers ─┐
                       ├─▶ transform ─▶ load
    extract_orders ────┘

    flowkit run examples/etl.py
    python examples/etl.py

Run parameter: `database`, the SQLite file to load into (default: orders.sqlite in the current
directory). The result of `load` is {"customers": 2, "orders": 4, "cents": 10250}.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from typing import Any

from flowkit import DAG, task

CUSTOMERS = """\
id,name
1,Ada
2, Grace
"""

ORDERS = """\
id,customer,amount
100,1,25.00
101,2,17.50
102,1,
103,2,40.00
104,1,20.00
"""

Row = dict[str, Any]


@task()
def extract_customers() -> list[Row]:
    """Read the customers. All fields are text."""
    return list(csv.DictReader(io.StringIO(CUSTOMERS)))


@task(retries=3, delay=0.5)
def extract_orders() -> list[Row]:
    """Read the orders. It has retries, because a source on a network fails now and then."""
    return list(csv.DictReader(io.StringIO(ORDERS)))


@task()
def transform(customers: list[Row], orders: list[Row]) -> list[Row]:
    """Join orders to customers, drop orders without an amount, and convert amounts to cents.

    The parameters are the results of the upstream tasks, in the order of the edges.
    """
    names = {row["id"]: row["name"].strip() for row in customers}
    return [
        {"id": int(row["id"]), "customer": names[row["customer"]], "cents": cents(row["amount"])}
        for row in orders
        if row["amount"]
    ]


def cents(amount: str) -> int:
    """Convert "17.50" to 1750 without using floats."""
    whole, _, fraction = amount.partition(".")
    return int(whole) * 100 + int(f"{fraction:0<2}")


@task(retries=2, delay=0.5, retry_on=sqlite3.OperationalError)
def load(rows: list[Row], database: str = "orders.sqlite") -> dict[str, int]:
    """Store the rows and return the totals in the database.

    The task may run again after a failure, so it replaces rows by their key, in one transaction.
    Loading twice has the same effect as loading once.
    """
    with closing(sqlite3.connect(database)) as store, store:
        store.execute(
            "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, customer TEXT, cents INT)"
        )
        store.executemany("INSERT OR REPLACE INTO orders VALUES (:id, :customer, :cents)", rows)
        totals = store.execute("SELECT count(DISTINCT customer), count(*), sum(cents) FROM orders")
        customers, orders, total = totals.fetchone()
    return {"customers": customers, "orders": orders, "cents": total}


with DAG("etl") as dag:
    [extract_customers, extract_orders] >> transform >> load


if __name__ == "__main__":
    print(dag.run()["load"])
