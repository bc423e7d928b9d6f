"""The walk-through of docs/howto/a-run-stands-still.md: played on a real system, and compared.

A run of 2,000 tasks stands still for six causes in turn. The user of the story knows nothing of the
system: each time, ``flowkit why`` names the cause and what helps, and what it names helps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forker import shared_forker
from helpers import wait_until
from pages import ROOT, blocks
from real_redis import RealRedis
from real_system import Process, System
from walkthrough import DEADLINE_S, Story

PAGE = ROOT / "docs" / "howto" / "a-run-stands-still.md"
RUN, BACKUP = "orders-2026-11-30", "backup-2026-11-30"
# The version of the app before ``convert`` and ``archive`` were written.
YESTERDAY = """
from flowkit import DAG, task

@task
def parse(number: int) -> int:
    return number

with DAG("orders") as orders:
    orders.add(parse)
"""
# What differs each time → what the page shows instead.
SHOWN = (
    (r"\bfor \d+ s\b", "for 4 s"),
    (r"\bfor \d+ min \d+ s\b", "for 4 s"),
    (r"\bin (5\d min \d+ s|1 h \d min)", "in 1 h 2 min"),
    (r"\bended (\d+ min )?\d+ s ago\b", "ended 3 s ago"),
    (r"\b(succeeded|failed) (\d+ min )?\d+ s ago\b", r"\1 2 s ago"),
    # A busy machine takes longer than a second to look twice, and Redis frees memory meanwhile.
    (
        r"\b(It hardly grew|At the growth) .*?(?=See what takes)",
        "It hardly grew in 1 s, so it is unknown when it is full. ",
    ),
    (r"\b[0-9a-f]{12}\b", "5d1c7a90be24"),
    (r"127\.0\.0\.1:\d+", "redis:6379"),
    (r"\d[\d.]* MB of its limit of 1.0 MB \(\d+%\)", "1.9 MB of its limit of 1.0 MB (190%)"),
)


class Standstill(Story):
    """The story of a run that stands still."""

    def starts(self, text: str, begin: Callable[[], Process]) -> Process:
        """Start a daemon as the user does, and note how."""
        self.told.append(f"$ {text} &\n")
        return begin()

    def loads(self, workers: int) -> None:
        """Wait until so many workers have loaded their app."""
        with self.system.client() as client:

            def ready() -> bool:
                infos = client.workers()
                return len(infos) == workers and all(info.functions for info in infos)

            wait_until("the workers are ready", ready)

    def becomes(self, cause: str) -> None:
        """Wait until this is the leading cause of the run."""
        with self.system.client() as client:
            run = client.run(RUN)

            def leads() -> bool:
                causes = run.explain().causes
                return bool(causes) and causes[0].cause == cause

            wait_until(f"the cause is {cause}", leads, DEADLINE_S)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Standstill]:
    (tmp_path / "redis").mkdir()
    server = RealRedis(tmp_path / "redis")
    server.start()
    system = System(server.url, "shop", tmp_path)
    (today,) = (item for item in blocks(PAGE, "python") if item.note == "file: orders.py")
    (tmp_path / "orders.py").write_text(today.text)
    (tmp_path / "yesterday").mkdir()
    (tmp_path / "yesterday" / "orders.py").write_text(YESTERDAY)
    try:
        yield Standstill(system, SHOWN)
    finally:
        system.close()
        server.stop()


def memory(story: Standstill, limit: int) -> None:
    """Set how much memory Redis may use; 0 for no limit."""
    import redis

    with redis.Redis.from_url(story.system.url) as client:
        client.config_set("maxmemory", limit)


@pytest.mark.slow
def test_six_causes_in_turn(story: Standstill) -> None:
    system = story.system
    scheduler = system.scheduler()
    old = system.worker("--processes", "1", app="yesterday/orders.py")
    story.loads(1)
    story.types(f"flowkit submit orders.py:orders --run-id {RUN}")
    story.becomes("no_worker")
    story.types("flowkit why last")

    story.starts(
        "flowkit-worker --app orders.py --queues imports",
        lambda: system.worker("--processes", "1", "--queues", "imports", app="orders.py"),
    )
    story.becomes("no_function")
    story.types("flowkit why last")

    old.terminate()
    old.exit_code()
    system_backup = f"flowkit submit orders.py:backup --run-id {BACKUP}"
    shared_forker().run(system_backup.split()[1:], system.folder, story.environ, DEADLINE_S)
    story.starts(
        "flowkit-worker --app orders.py --processes 1",
        lambda: system.worker("--processes", "1", app="orders.py"),
    )
    story.becomes("busy")
    story.types(f"flowkit why {RUN}")

    story.starts(
        "flowkit-worker --app orders.py --processes 2",
        lambda: system.worker("--processes", "2", app="orders.py"),
    )
    story.becomes("retry")
    story.types(f"flowkit why {RUN}")

    scheduler.terminate()
    scheduler.exit_code()
    story.types(f"flowkit retry {RUN} publish")
    story.becomes("no_scheduler")
    story.types(f"flowkit why {RUN}")

    memory(story, 1_000_000)
    story.starts("flowkit-scheduler", system.scheduler)
    story.becomes("redis_refuses")
    story.types(f"flowkit why {RUN}")
    story.types("flowkit doctor --quiet", only="Memory")

    memory(story, 0)
    with system.client() as client:
        client.run(RUN).wait_results(DEADLINE_S)
    story.types(f"flowkit why {RUN}")
    (system.folder / "archived").touch()
    assert story.told == [
        block.text for block in blocks(PAGE, "text") if block.text.startswith("$ ")
    ]
