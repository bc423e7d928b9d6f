"""Mapped tasks on workers, from ``submit`` to the result."""

from __future__ import annotations

from pathlib import Path

import mapped_app as app
from real_system import System

from flowkit.protocol.log_chunks import read_chunks

APP = str(Path(__file__).parent / "mapped_app.py")


def test_a_list_becomes_items_and_their_results_a_list(system: System) -> None:
    system.scheduler()
    system.worker("--processes", "1", app=APP)
    with system.client() as client:
        run = client.submit(app.doubles(), params={"count": 3})
        assert run.wait(30).value == "succeeded"
        assert run.result("total") == 6


def test_items_sleep_die_take_too_long_and_are_read_lazily(system: System) -> None:
    """A coroutine returns the list, so its elements are sent by the async lane."""
    system.scheduler()
    system.worker("--processes", "2", app=APP)
    with system.client() as client:
        run = client.submit(app.kinds())
        assert run.wait(60).value == "succeeded"
        assert run.result("total_asleep") == 6
        assert run.result("total_deadly") == 6
        assert run.result("spread") == [4, 0, 6, 0]
        numbering, names = run.graph().numbering, run.graph().graph.names
        store = client.shards[0]._store
        for name in ("deadly[1]", "slow_once[1]"):
            number = numbering.number(names, name)
            assert number is not None
            (record,) = store.read_records(run.run_id, [number])
            assert record.attempt == 2, name


def test_what_items_print_is_kept_under_their_numbers(system: System) -> None:
    system.scheduler()
    system.worker("--processes", "1", app=APP)
    with system.client() as client:
        run = client.submit(app.doubles("printing"), params={"count": 3})
        assert run.wait(30).value == "succeeded"
        system.processes[-1].terminate()  # it sends the last lines before it ends
        system.processes[-1].exit_code()
        chunks, _ = read_chunks(client.shards[0]._store, run.run_id)
        numbers = {chunk.task for chunk in chunks}
        assert numbers == set(run.graph().numbering.items(1, 3))


def test_items_may_call_runs(system: System) -> None:
    system.scheduler()
    system.worker("--processes", "1", app=APP)
    with system.client() as client:
        run = client.submit(app.callers(), params={"count": 3})
        assert run.wait(30).value == "succeeded"
        assert run.result("total") == 6
