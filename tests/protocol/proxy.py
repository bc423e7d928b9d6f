"""A TCP proxy that loses replies: it cuts a connection after the server has answered a request."""

from __future__ import annotations

import contextlib
import socket
import threading

from helpers import raw_connection


class CuttingProxy:
    """Forwards to the Redis at a URL. ``lose(marker)``: the reply to the next request that holds
    these bytes never arrives, though the request did and was carried out."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._marker = b""
        self.lost = 0
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def lose(self, marker: bytes) -> None:
        self._marker = marker

    def __enter__(self) -> CuttingProxy:
        return self

    def __exit__(self, *_: object) -> None:
        for item in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
            item.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = raw_connection(self._target)
                self._sockets += [client, server]
                cut = threading.Event()
                for pump in (self._requests, self._replies):
                    thread = threading.Thread(target=pump, args=(client, server, cut))
                    self._threads.append(thread)
                    thread.start()

    def _requests(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self._marker and self._marker in data:
                    self._marker = b""
                    cut.set()
                server.sendall(data)
        self._end(server)

    def _replies(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if cut.is_set():
                    self.lost += 1
                    break
                client.sendall(data)
        self._end(client)

    @staticmethod
    def _end(one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
