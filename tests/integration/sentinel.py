"""A sentinel that knows one master, for tests of what a client does with its answer."""

from __future__ import annotations

import socketserver


class NamesMaster(socketserver.StreamRequestHandler):
    """A sentinel: it answers every command with the address of one server.

    ``names``, of its server: the port of that one, whatever that has become.
    """

    def handle(self) -> None:
        port = str(self.server.names)  # type: ignore[attr-defined]
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2])
            address = f"*2\r\n$9\r\n127.0.0.1\r\n${len(port)}\r\n{port}\r\n".encode()
            self.wfile.write(address if words[0] == b"SENTINEL" else b"+OK\r\n")
