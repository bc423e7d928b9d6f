"""What the page may cost, measured in a browser. Each test prints its figures (``-s``).

No other test of the project asserts how long something takes, because machines are busy with other
work. Here, a bound must hold for the best of ``TRIES`` tries. If more processes want to run than
there are CPUs, it is three times as much; if they are more than ``FULL`` times as many, times mean
nothing, and the test is skipped. Bytes and commands are the same on any machine.

docs/dashboard.md has the medians.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from large_systems import RUNS, TASKS, large_run, many_runs
from real_redis import RealRedis
from shown import Dashboard, dashboard, let_in, opened
from wire import Wire

from flowkit import Client
from flowkit.settings import Settings

pytestmark = pytest.mark.slow
TRIES = 5
BUSY = 3  # times the bound
FULL = 4


def measured(what: str, bound: float, unit: str, measure: Callable[[], float]) -> None:
    """Measure several times, print the figures, and hold the best one to the bound."""
    values = [measure() for _ in range(TRIES)]
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    allowed = bound * BUSY if load > 1 else bound
    print(
        f"\n{what}: median {statistics.median(values):.3g} {unit}, best {min(values):.3g}, "
        f"bound {allowed:g} at a load of {load:.1f} per CPU"
    )
    if min(values) >= allowed and load > FULL:
        pytest.skip(f"{load:.1f} processes for each CPU want to run: measure on a quiet machine")
    assert min(values) < allowed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    """A Redis of this module, whose processor time is that of its tests."""
    made = RealRedis(tmp_path_factory.mktemp("budgets")).start("--hz", "10")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def large(server: RealRedis) -> Iterator[str]:
    """The namespace of a run of 10,000 tasks, of which a third has succeeded."""
    run = large_run(server.url, "large")
    for _ in range(8):
        run.turn(500)
    yield "large"
    run.close()


@pytest.fixture(scope="module")
def many(server: RealRedis) -> str:
    """The namespace of 100,000 runs."""
    with Client(Settings(redis_url=server.url, namespace="many")) as client:
        many_runs(client)
        assert client.runs(1).total == RUNS + 6
    return "many"


@pytest.fixture
def shown(server: RealRedis, request: pytest.FixtureRequest) -> Iterator[Dashboard]:
    namespace = request.getfixturevalue(request.param)
    with dashboard(server.url, namespace) as made:
        yield made


def opened_again(context: Any, path: str) -> tuple[Any, float]:
    """Open a view in a new page of a browser that has the files of the page.

    A browser keeps them until the release changes. The first time takes longer, mostly because this
    browser has just started with an empty profile; it is printed.
    """
    page, first = opened(context, path)
    page.close()
    print(f"{first:.0f} ms for the first time", end="; ")
    return opened(context, path)


of_large_run = pytest.mark.parametrize("shown", ["large"], indirect=True)
of_many_runs = pytest.mark.parametrize("shown", ["many"], indirect=True)


@of_large_run
def test_a_run_of_ten_thousand_tasks_opens_in_a_second(browser: Any, shown: Dashboard) -> None:
    def measure() -> float:
        with let_in(browser, shown) as context:
            page, at = opened_again(context, "runs/r1")
            page.get_by_role("searchbox").fill("clean_7")  # and it can be used
            page.locator("[data-row]").get_by_text("clean_7", exact=True).wait_for()
            return at / 1000

    measured(f"A run of {TASKS:,} tasks is there after", 1.0, "s", measure)


@of_many_runs
def test_a_list_of_a_hundred_thousand_runs_opens_at_once(browser: Any, shown: Dashboard) -> None:
    def measure() -> float:
        with let_in(browser, shown) as context:
            return opened_again(context, "")[1]

    measured(f"A list of {RUNS:,} runs is there after", 300, "ms", measure)


FRAMES = """([selector, type]) => new Promise((resolve) => {
  const element = document.querySelector(selector);
  const frames = [];
  let before = null;
  const step = (now) => {
    if (before !== null) frames.push(now - before);
    before = now;
    if (frames.length === 100) return resolve(frames);
    const down = frames.length % 40 < 20 ? 1 : -1;
    if (type === "scroll") element.scrollTop += 611;
    else {
      const how = { deltaY: 30 * down, deltaX: 20 * down, bubbles: true, cancelable: true };
      element.dispatchEvent(new WheelEvent("wheel", how));
    }
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""


@of_large_run
@pytest.mark.parametrize("tab", ["tasks", "timeline", "graph"])
def test_a_large_run_moves_at_fifty_frames_a_second(
    browser: Any, shown: Dashboard, tab: str
) -> None:
    selector, kind = (".scroll", "scroll") if tab == "tasks" else ("canvas", "wheel")
    with let_in(browser, shown) as context:
        page = context.new_page()
        page.goto(f"runs/r1?tab={tab}")
        page.locator(selector).wait_for()
        page.wait_for_timeout(500)
        measured(
            f"A frame of the {tab} takes",
            20,
            "ms",
            lambda: statistics.median(page.evaluate(FRAMES, [selector, kind])),
        )


@of_large_run
@pytest.mark.parametrize("path", ["runs/r1", "", "runs/r1?tab=graph"])
def test_the_first_transfer_is_small(browser: Any, shown: Dashboard, path: str) -> None:
    """All bytes that come until the view is there, with the heads of answers."""
    with Wire(shown.port) as wire, let_in(browser, shown, wire.port) as context:
        begun = wire.received
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path)
        page.locator("canvas" if "graph" in path else "[data-row]").first.wait_for()
        page.wait_for_timeout(1500)
        received = (wire.received - begun) / 1000
        print(f"\nThe first transfer of /{path}: {received:.0f} kB in {len(asked)} answers")
        assert received < 120
        assert [url for url in set(asked) if asked.count(url) > 1] == [], "asked for twice"


VIEWS = ["", "runs/r1", "runs/r1?tab=timeline", "runs/r1?tab=logs", "runs/r1/tasks/load_0"]
VIEWS += ["dags", "workers", "queues", "dead", "system"]


@of_large_run
def test_the_memory_of_the_server_is_bounded(browser: Any, shown: Dashboard) -> None:
    """A browser has at most six connections to a server, so a context has five pages."""
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            context = stack.enter_context(let_in(browser, shown))
            for view in VIEWS[:5] if _ % 2 else VIEWS[5:]:
                page = context.new_page()
                page.goto(view)
                page.locator("h1").first.wait_for()
        time.sleep(5)
        now, most = shown.memory(), shown.memory("VmHWM")
    print(f"\nMemory of the server with 20 pages open: {now:.0f} MB, at most {most:.0f} MB")
    assert most < 120


@of_large_run
def test_ten_pages_cost_redis_almost_nothing(
    browser: Any, shown: Dashboard, server: RealRedis
) -> None:
    """Tasks of the run are queued, so the watch reads all of them again and again."""
    seconds = 20
    with contextlib.ExitStack() as stack, server.client() as redis:
        idle = _share(redis, seconds)
        for _ in range(2):
            context = stack.enter_context(let_in(browser, shown))
            for _ in range(5):
                page = context.new_page()
                page.goto("runs/r1")
                page.locator("[data-row]").first.wait_for()
        time.sleep(3)
        before = redis.info("persistence")["rdb_changes_since_last_save"]
        busy = _share(redis, seconds)
        after = redis.info("persistence")["rdb_changes_since_last_save"]
    print(f"\nTen pages of a run take {100 * (busy - idle):.2f} % of a core of Redis")
    assert busy - idle < 0.01
    assert after == before, "nothing is written, so there is nothing for a scheduler to read"


def _share(redis: Any, seconds: float) -> float:
    """Return how much of a core Redis takes."""

    def used() -> float:
        cpu = redis.info("cpu")
        return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])

    begun, first = time.monotonic(), used()
    time.sleep(seconds)
    return (used() - first) / (time.monotonic() - begun)
