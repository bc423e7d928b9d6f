"""A way to Redis that can be broken: a TCP proxy whose connections are cut, frozen or slowed.

It runs in its own thread. What it does to connections:

- ``cut_at(n, "before")``: reply number n from now is lost, and its connection with it; the request
  was carried out. ``"after"``: that reply still arrives.
- ``hang_up()``: all connections end at once.
- ``freeze()``: those that are open now stay open, and nothing comes through them any more, as when
  a cable is pulled; new ones work.
- ``aim(port)``: the way leads to another server.
- ``slow(seconds)``: everything takes so much longer. ``refuse(True)``: nobody gets a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType


@dataclass(eq=False, slots=True)
class _Wire:
    """One connection: both of its ends, and whether anything comes through."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    frozen: bool = False

    def hang_up(self) -> None:
        for end in (self.near, self.far):
            with contextlib.suppress(OSError, RuntimeError):
                end.close()


class Proxy:
    """Forwards to a port of 127.0.0.1. ``attempts``: when (monotonic) somebody connected."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.attempts: list[float] = []
        self.cuts = 0
        self._target = target_port
        self._wires: set[_Wire] = set()
        self._delay = 0.0
        self._refuses = False
        self._cut_in: int | None = None
        self._cut_when = "before"
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="proxy")
        self._thread.start()
        ready.wait(10)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._do(self._over.set)
        self._thread.join(10)

    # -- what can be done to it -----------------------------------------------------------------

    def cut_at(self, reply: int, when: str) -> None:
        def arm() -> None:
            self._cut_in, self._cut_when = reply, when

        self._do(arm)

    def hang_up(self) -> None:
        self._do(self._hang_up)

    def aim(self, port: int) -> None:
        """Lead to another server from now on; what is connected ends."""
        self._target = port
        self.hang_up()

    def freeze(self) -> None:
        def freeze() -> None:
            for wire in self._wires:
                wire.frozen = True

        self._do(freeze)

    def slow(self, seconds: float) -> None:
        self._delay = seconds

    def refuse(self, yes: bool) -> None:
        self._refuses = yes
        if yes:
            self.hang_up()

    def _do(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(what)

    # -- in its thread --------------------------------------------------------------------------

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(ready))
        finally:
            self._loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()
        server.close()
        self._hang_up()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=5)

    def _hang_up(self) -> None:
        for wire in list(self._wires):
            wire.hang_up()

    async def _connect(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.attempts.append(time.monotonic())
        try:
            if self._refuses:
                raise OSError
            far, onward = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            back.close()
            return
        wire = _Wire(back, onward)
        if self._refuses:  # it began to while the other end was being reached
            wire.hang_up()
            return
        self._wires.add(wire)
        await asyncio.gather(
            self._pump(near, onward, wire, replies=False),
            self._pump(far, back, wire, replies=True),
        )
        self._wires.discard(wire)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        wire: _Wire,
        *,
        replies: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if self._delay:
                    await asyncio.sleep(self._delay)
                if wire.frozen:
                    continue
                cut = replies and self._is_due()
                if not (cut and self._cut_when == "before"):
                    target.write(data)
                    await target.drain()
                if cut:
                    break
        wire.hang_up()

    def _is_due(self) -> bool:
        if self._cut_in is None:
            return False
        self._cut_in -= 1
        if self._cut_in > 0:
            return False
        self._cut_in = None
        self.cuts += 1
        return True
