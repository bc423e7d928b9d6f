"""The embedded server in a process of its own: ``python -m benchmarks.embedded_host PORT``."""

from __future__ import annotations

import signal
import sys

from flowkit.embedded import EmbeddedServer


def main() -> None:
    with EmbeddedServer(port=int(sys.argv[1])):
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    # The server's thread must not take the signals that the main thread waits for.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
