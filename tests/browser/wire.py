"""A way to a dashboard that counts what comes through it, and can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

STREAM = b"content-type: text/event-stream"
PART = 65_536


class Wire:
    """Forwards from ``port`` to another port of 127.0.0.1.

    ``received``: the bytes that browsers have got. ``streams``: how many connections carry a stream
    of events.
    """

    def __init__(self, target: int) -> None:
        self.received = 0
        self._target = target
        self._ends: set[socket.socket] = set()
        self._streams: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._start(self._accept)

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    @property
    def streams(self) -> int:
        return len(self._streams)

    def cut(self) -> None:
        """End all connections."""
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _start(self, work: object, *args: object) -> None:
        threading.Thread(target=work, args=args, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ends |= {near, far}
            self._start(self._forward, near, far, False)
            self._start(self._forward, far, near, True)

    def _forward(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PART):
                if counts:
                    self.received += len(data)
                    if STREAM in data:
                        self._streams.add(source)
                target.sendall(data)
        for end in (source, target):
            self._streams.discard(end)
            self._ends.discard(end)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()
