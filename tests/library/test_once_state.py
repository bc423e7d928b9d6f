"""A run that is resumed in this process, and a task that must never start twice."""

from __future__ import annotations

import pytest

from flowkit import DAG, StateManager, task
from flowkit.exceptions import WorkerLost


class Shop:
    """``cart >> pay >> mail``. ``pay`` must not start twice, and fails as long as it is told to."""

    def __init__(self, *, is_async: bool = False) -> None:
        self.starts: list[str] = []
        self.broken = True
        self.price = 1

        @task
        def cart():
            self.starts.append("cart")
            return self.price

        def begin(cents):
            self.starts.append("pay")
            if self.broken:
                raise OSError("the line is cut")
            return cents * 100

        async def abegin(cents):
            return begin(cents)

        pay = task(name="pay", at_most_once=True)(abegin if is_async else begin)

        @task
        def mail(paid):
            self.starts.append("mail")
            return f"paid {paid}"

        with DAG("shop") as self.dag:
            cart >> pay >> mail


@pytest.fixture(params=[False, True], ids=["plain", "async"])
def shop(request: pytest.FixtureRequest) -> Shop:
    return Shop(is_async=request.param)


@pytest.fixture
def state() -> StateManager:
    return StateManager()


@pytest.fixture
def failed(shop: Shop, state: StateManager) -> Shop:
    """A run in which ``pay`` has started, and nobody knows what came of it."""
    with pytest.raises(OSError, match="the line is cut"):
        shop.dag.run(state=state)
    shop.broken = False
    shop.starts.clear()
    return shop


def test_a_started_task_without_a_result_is_not_restarted(
    failed: Shop, state: StateManager
) -> None:
    for _ in range(2):
        with pytest.raises(WorkerLost, match=r"'pay' of DAG 'shop' was started by an earlier run"):
            failed.dag.run(state=state, resume=True)
    assert failed.starts == []


def test_only_naming_it_starts_it_again(failed: Shop, state: StateManager) -> None:
    results = failed.dag.run(state=state, resume=True, from_task="pay")
    assert results["mail"] == "paid 100"
    assert failed.starts == ["pay", "mail"]


def test_its_result_survives_a_rerun_of_upstream_tasks(shop: Shop, state: StateManager) -> None:
    shop.broken = False
    shop.dag.run(state=state)
    shop.price = 2
    results = shop.dag.run(state=state, resume=True, from_task="cart")
    assert results == {"cart": 2, "pay": 100, "mail": "paid 100"}
    assert shop.starts == ["cart", "pay", "mail", "cart", "mail"]


def test_a_fresh_run_ignores_earlier_runs(failed: Shop, state: StateManager) -> None:
    assert failed.dag.run(state=state)["pay"] == 100
    assert failed.starts == ["cart", "pay", "mail"]


def test_a_task_that_has_not_started_runs_normally(shop: Shop, state: StateManager) -> None:
    shop.broken = False
    state.set("shop/cart", 7)
    assert shop.dag.run(state=state, resume=True)["mail"] == "paid 100"
