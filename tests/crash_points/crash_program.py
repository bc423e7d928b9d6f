"""Starts a daemon as its command does, with one call to Redis that fails.

``python crash_program.py scheduler|worker OPTIONS…``; the environment says which call: ``CRASH_AT``
is ``ROLE:POINT:KIND``, for the POINT-th call of one process with that role, and ``CRASH_FOLDER``
is where the process that fails leaves a note, so that it happens once. Only this program reads
them: the daemons know nothing of it.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis.exceptions as rx
from crash_seam import Fault, Kind

from flowkit.protocol.link import Link

NOTE = "failed"


def role_of(name: str) -> str:
    """Return the role of the process that a connection of that name belongs to."""
    if name in ("flowkit-scheduler", "flowkit-leader"):
        return "scheduler"
    return {"flowkit-worker": "parent", "flowkit-worker-logs": "collector"}.get(name, "lane")


class Saboteur:
    """Counts the calls of one role in this process, and makes one of them fail."""

    def __init__(self, role: str, fault: Fault, folder: Path) -> None:
        self._role = role
        self._fault = fault
        self._folder = folder
        self._count = 0
        self._lock = threading.Lock()

    def install(self) -> None:
        """Have all links of this process, and of those that it forks, count."""
        start = Link.__init__

        def begin(link: Link, url: str, *, name: str = "flowkit", **options: Any) -> None:
            start(link, url, name=name, **options)
            if role_of(name) == self._role:
                for exchange in ("_exchange", "_exchange_all"):
                    setattr(link, exchange, self._watching(getattr(link, exchange)))

        Link.__init__ = begin  # type: ignore[method-assign,assignment]

    def _watching(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def watching(command: Any, **how: Any) -> Any:
            with self._lock:
                self._count += 1
                mine = self._count == self._fault.point
            if mine and self._is_first():
                return self._fail(lambda: send(command, **how))
            return send(command, **how)

        return watching

    def _is_first(self) -> bool:
        try:
            with (self._folder / NOTE).open("x") as note:
                note.write(f"{os.getpid()} {os.getppid()}")
        except FileExistsError:
            return False
        return True

    def _fail(self, send: Callable[[], Any]) -> Any:
        kind = self._fault.kind
        victims = [os.getpid()]
        if kind in (Kind.HOST_DIES_BEFORE, Kind.HOST_DIES_AFTER):
            victims.insert(0, os.getppid())
        if kind in (Kind.LATE, Kind.TOO_LATE):
            if self._role == "lane":
                victims.insert(0, os.getppid())
            for pid in victims:
                os.kill(pid, signal.SIGSTOP)
            return send()  # somebody has sent SIGCONT
        if kind is Kind.REQUEST_LOST:
            raise rx.ConnectionError("the request was lost")
        if kind not in (Kind.DIE_BEFORE, Kind.HOST_DIES_BEFORE):
            reply = send()
            if kind is Kind.SENT_TWICE:
                return send()
            if kind is Kind.REPLY_LOST:
                raise rx.ConnectionError("the reply was lost")
            del reply
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        signal.pause()
        return None


def main() -> None:
    """Become the daemon."""
    program = sys.argv.pop(1)
    role, point, kind = os.environ["CRASH_AT"].split(":")
    folder = Path(os.environ["CRASH_FOLDER"])
    Saboteur(role, Fault(int(point), Kind(kind)), folder).install()
    importlib.import_module(f"flowkit.{program}.__main__").main()


if __name__ == "__main__":
    main()
