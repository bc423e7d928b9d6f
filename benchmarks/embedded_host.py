"""The embedded server in its own process: ``python -m benchmarks.embedded_host FILE [PORT]``.

It writes its URL, which contains its password, to the file. Without a port it uses a unix socket.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from flowkit.embedded import EmbeddedServer


def main() -> None:
    path, *port = sys.argv[1:]
    with EmbeddedServer(port=int(port[0]) if port else None) as server:
        written = Path(f"{path}.new")
        written.write_text(server.url)
        os.replace(written, path)  # a reader finds the complete file
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    # The server's thread must not receive the signals that the main thread waits for.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
