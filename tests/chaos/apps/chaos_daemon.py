"""A scheduler or a worker as it is installed, but for what chaos turns on.

    python chaos_daemon.py scheduler|worker [OPTIONS OF THE PROGRAM]

``CHAOS_TWICE=1``: every script is sent twice, and the second reply is the one that counts, as if
the first had been lost. ``CHAOS_SWEEP``: seconds between two sweeps of the scheduler.
``CHAOS_KEPT``: bytes of results that a worker process keeps.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from flowkit.protocol.link import Link
from flowkit.protocol.scripts import Script
from flowkit.scheduler import daemon as scheduler_daemon
from flowkit.scheduler.__main__ import main as scheduler
from flowkit.scheduler.janitor import Janitor
from flowkit.worker import results as worker_results
from flowkit.worker.__main__ import main as worker


def send_twice() -> None:
    once = Link.script

    def twice(self: Link, script: Script, prefix: str, args: Sequence[object]) -> Any:
        once(self, script, prefix, args)
        return once(self, script, prefix, args)

    Link.script = twice  # type: ignore[method-assign]


def sweep_every(seconds: float) -> None:
    def janitor(store: Any, listener: Any, every: float, repair_queues: Any) -> Janitor:
        return Janitor(store, listener, min(every, seconds), repair_queues)

    scheduler_daemon.Janitor = janitor  # type: ignore[assignment,misc]


if __name__ == "__main__":
    if os.environ.get("CHAOS_TWICE"):
        send_twice()
    if os.environ.get("CHAOS_SWEEP"):
        sweep_every(float(os.environ["CHAOS_SWEEP"]))
    if os.environ.get("CHAOS_KEPT"):
        assert worker_results.RESULT_BYTES_KEPT  # where it is read: another name changes nothing
        worker_results.RESULT_BYTES_KEPT = int(os.environ["CHAOS_KEPT"])
    program = {"scheduler": scheduler, "worker": worker}[sys.argv.pop(1)]
    program()
