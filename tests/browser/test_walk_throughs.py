"""The walk-throughs of docs/howto with the page alone: a run that failed, one that stands still.

``tests/docs`` plays them with commands. Here, somebody who knows nothing of the system has a
browser, and starts what the page names. The page of the run that stands still is loaded once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from forker import shared_forker
from helpers import wait_until
from real_redis import RealRedis
from real_system import System

from flowkit.core.states import RunState

pytestmark = pytest.mark.slow
DOCS = Path(__file__).parents[2] / "docs" / "howto"
DEADLINE_S = 60.0
MS = DEADLINE_S * 1000
YESTERDAY = """
from flowkit import DAG, task

@task
def parse(number: int) -> int:
    return number

with DAG("orders") as orders:
    orders.add(parse)
"""


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    """A Redis of these tests alone: one of them fills it."""
    server = RealRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def shop(redis_server: RealRedis, namespace: str, tmp_path: Path) -> Iterator[System]:
    system = System(redis_server.url, namespace, tmp_path)
    yield system
    system.close()


def write_program(system: System, name: str, page: str) -> None:
    """Write the program of a page into the folder of the system."""
    block = re.search(
        rf"<!-- file: {name} -->\n```python\n(.*?)```", (DOCS / page).read_text(), re.S
    )
    assert block is not None
    (system.folder / name).write_text(block[1])


def submit(system: System, *words: str) -> None:
    """Submit a run as users do."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("FLOWKIT_")}
    place = {"FLOWKIT_REDIS_URL": system.url, "FLOWKIT_NAMESPACE": system.namespace}
    done = shared_forker().run(["submit", *words], system.folder, others | place, DEADLINE_S)
    assert done.returncode == 0, done.stderr


def act(page: Any, button: str, answer: str) -> None:
    """Press a button, and answer the question."""
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=answer, exact=True).click()


def why(page: Any, text: str) -> Any:
    """Wait until the page explains the run with this text; return the explanation."""
    cause = page.get_by_role("region", name="Why")
    cause.get_by_text(re.compile(text)).first.wait_for(timeout=MS)
    return cause


def test_a_failed_run_from_the_failure_to_success(page: Any, address: str, shop: System) -> None:
    write_program(shop, "invoices.py", "a-run-failed.md")
    (shop.folder / "rates.txt").write_text("EUR 1.0\n")
    shop.scheduler()
    shop.worker("--processes", "1", app="invoices.py")
    submit(shop, "invoices.py", "--run-id", "invoices-1")
    with shop.client() as client:
        assert client.run("invoices-1").wait(DEADLINE_S) is RunState.FAILED

    # Was there a run, and what became of it?
    page.get_by_role("button", name=re.compile("failed")).first.click()
    page.get_by_role("link", name="invoices-1").click()
    cause = why(page, "It began with task 'convert_142', which failed: KeyError: 'CHF'")
    cause.get_by_text("2 tasks, since a task upstream failed").wait_for()
    assert page.get_by_text("1 ✗ failed").is_visible()
    # What did that task do?
    cause.get_by_role("link", name="convert_142").click()
    page.get_by_role("heading", name="convert_142").wait_for()
    page.get_by_text(re.compile(r"float\(rates\[currency\]\)")).wait_for()
    page.get_by_role("log").get_by_text("order 142: 142 CHF").wait_for()
    page.get_by_text("Fixed arguments").click()
    page.get_by_text('{"number":142}').wait_for()
    # An order is in Swiss francs.
    with (shop.folder / "rates.txt").open("a") as rates:
        rates.write("CHF 1.07\n")
    act(page, "Retry", "Retry")
    page.locator("dl .state[data-state=succeeded]").wait_for(timeout=MS)
    page.get_by_role("link", name="invoices-1", exact=True).click()
    # The run is still not over.
    cause = why(page, r"Task 'publish' is retried in .*ConnectionError: the server is down")
    (shop.folder / "server-is-up").touch()
    act(page, "Retry now", "Retry")
    page.locator("h1 .state[data-state=succeeded]").wait_for(timeout=MS)
    page.keyboard.press("/")
    page.keyboard.type("publish")
    page.get_by_role("link", name="publish", exact=True).click()
    page.get_by_role("region", name="Result").get_by_text("published").wait_for()
    outcomes = page.get_by_role("region", name="Attempts").get_by_role("listitem")
    assert outcomes.count() == 2
    assert "failed and was retried" in outcomes.nth(0).inner_text()


def memory(system: System, limit: int) -> None:
    """Set how much memory Redis may use; 0 for no limit."""
    with redis.Redis.from_url(system.url) as client:
        client.config_set("maxmemory", limit)


def test_a_run_that_stands_still_for_six_causes(page: Any, address: str, shop: System) -> None:
    write_program(shop, "orders.py", "a-run-stands-still.md")
    (shop.folder / "yesterday").mkdir()
    (shop.folder / "yesterday" / "orders.py").write_text(YESTERDAY)
    scheduler = shop.scheduler()
    old = shop.worker("--processes", "1", app="yesterday/orders.py")
    submit(shop, "orders.py:orders", "--run-id", "orders-1")
    page.get_by_role("link", name="orders-1").click()

    cause = why(page, "No live worker serves queue 'imports'")
    cause.get_by_text("flowkit-worker --app … --queues imports", exact=True).wait_for()
    cause.get_by_text("2,000 tasks, 1,999 of them through other tasks").wait_for()
    shop.worker("--processes", "1", "--queues", "imports", app="orders.py")

    why(page, "no live worker of queue 'default' has its function 'orders:convert'")
    old.terminate()
    old.exit_code()
    submit(shop, "orders.py:backup", "--run-id", "backup-1")
    shop.worker("--processes", "1", app="orders.py")

    why(page, "the only process is busy with task 'archive' of run backup")
    shop.worker("--processes", "2", app="orders.py")

    why(page, "Task 'publish' is retried in .*the shop is closed until six")
    scheduler.terminate()
    scheduler.exit_code()
    act(page, "Retry now", "Retry")

    cause = why(page, "No scheduler is running")
    cause.get_by_text("flowkit-scheduler", exact=True).wait_for()
    memory(shop, 1_000_000)
    shop.scheduler()

    why(page, "Redis refuses writes, so nothing proceeds: it is full")
    memory(shop, 0)
    page.locator("h1 .state[data-state=succeeded]").wait_for(timeout=MS)
    (shop.folder / "archived").touch()
    with shop.client() as client:
        wait_until(
            "the backup ends", lambda: client.run("backup-1").record().state.value != "running"
        )
