"""Mapped tasks on workers, from ``submit`` to the result."""

from __future__ import annotations

from pathlib import Path

import mapped_app as app
from real_system import System

APP = str(Path(__file__).parent / "mapped_app.py")


def test_a_list_becomes_items_and_their_results_a_list(system: System) -> None:
    system.scheduler()
    system.worker("--processes", "1", app=APP)
    with system.client() as client:
        run = client.submit(app.doubles(), params={"count": 3})
        assert run.wait(30).value == "succeeded"
        assert run.result("total") == 6
