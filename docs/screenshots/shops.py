"""The app of the screenshots: orders of shops, a model, and a backup that no worker serves.

The length of a task depends on its arguments alone, so that the pictures change little.
"""

from __future__ import annotations

import logging
import time

from flowkit import DAG, Again, again, current_attempt, progress, task

SHOPS = ("Aarhus", "Bergen", "Cork", "Delft", "Espoo", "Faro", "Ghent", "Hull", "Izmir")
log = logging.getLogger("orders")


@task
def list_shops(day: str, limit: int = 9) -> list[str]:
    """Return the shops that were open."""
    log.info("%s: %d shops were open", day, limit)
    return list(SHOPS[:limit])


@task(retries=2, delay=0.4, retry_on=ConnectionError)
def fetch_orders(shop: str, day: str, pace: float = 0.1) -> list[int]:
    """Return the amounts of a shop, in cents. Delft is busy once, and Faro keeps no order."""
    print(f"asking {shop} for its orders of {day}")
    if shop == "Delft" and current_attempt().attempt == 1:
        raise ConnectionError("shop-delft.example: 503 Service Unavailable, try again later")
    if shop == "Faro" and day.endswith("-13"):
        raise ValueError("order 20417 has the amount '12,50', which is no number of cents")
    steps = 2 + len(shop) + len(shop) % 4
    for step in range(steps):
        progress(step, steps)
        time.sleep(pace)
    log.info("%s sent %d orders", shop, 10 * len(shop))
    return [100 * len(shop) + step for step in range(10 * len(shop))]


def name_of(shop: str) -> str:
    """Return what people see beside the number of a shop."""
    return shop


@task
def clean(orders: list[list[int]]) -> list[int]:
    """Return all amounts that can be true."""
    time.sleep(0.5)
    amounts = [amount for shop in orders for amount in shop]
    log.warning("%d of %d orders were left out", len(amounts) // 40, len(amounts))
    return amounts


@task
def totals(amounts: list[int]) -> dict[str, int]:
    """Return the figures of the day."""
    time.sleep(0.4)
    return {"orders": len(amounts), "cents": sum(amounts)}


@task(priority=7)
def best_customers(amounts: list[int]) -> list[tuple[str, int]]:
    """Return the customers who bought most."""
    time.sleep(0.9)
    return [("Ada", max(amounts)), ("Grace", max(amounts) - 1)]


@task(timeout=30)
def publish(figures: dict[str, int], customers: list[tuple[str, int]], day: str) -> str:
    """Write the report of the day. Returns its address."""
    print(f"{day}: {figures['orders']} orders, best customer {customers[0][0]}")
    return f"https://reports.example/{day}"


@task
def load_features() -> list[float]:
    """Return what the model learns from."""
    time.sleep(0.2)
    return [0.1, 0.7, 0.2]


@task
def train(features: list[float], rounds: int = 3) -> float:
    """Return the loss after some rounds."""
    for number in range(rounds):
        progress(number + 1, rounds, "round")
        time.sleep(0.3)
    return round(sum(features) / rounds, 3)


@task
def evaluate(loss: float) -> Again | bool:
    """Return whether the model is good enough. Looks a second time."""
    if current_attempt().times == 0:
        return again(0.5)
    return loss < 0.5


@task(queue="archive")
def archive() -> None:
    """No worker of the screenshots serves this queue."""


with DAG("orders") as orders:
    list_shops >> fetch_orders.map(label=name_of) >> clean >> [totals, best_customers]
    [totals, best_customers] >> publish

with DAG("training") as training:
    load_features >> train >> evaluate

with DAG("backup") as backup:
    backup.add(archive)
