"""Health check of the dashboard, for containers: ``python -P -m flowkit.dashboard.health [PORT]``.

It asks the page on this machine for its session, which needs no Redis: while Redis is away, the
page says so, and restarting it would not help. A check has no session, so it is refused. That
counts as healthy, and only an error of the server does not. The output is one line. Exit codes:
0: healthy; 1: not healthy; 2: wrong usage.
"""

from __future__ import annotations

import http.client
import sys
from collections.abc import Sequence

from ..basics.display_text import escape_text
from .endpoint import ROOT

HOST, PORT = "127.0.0.1", 8420
ANSWER_S = 3.0  # docker-compose.yml gives the whole check five seconds
SERVER_ERROR = 500
MOST_SAID = 200  # characters of an error


def main(words: Sequence[str]) -> int:
    """Check the page on the port named in ``words``; print the result and return the exit code."""
    if len(words) > 1 or not all(word.isascii() and word.isdigit() for word in words):
        print("usage: python -P -m flowkit.dashboard.health [PORT]", file=sys.stderr)
        return 2
    port = int(words[0]) if words else PORT
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_S)
    try:
        connection.request("GET", ROOT + "/session")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, OverflowError) as error:
        # Another program may have the port, and answer what it likes.
        why = escape_text(f"{type(error).__name__}: {error}"[:MOST_SAID])
        print(f"the page on port {port} does not answer: {why}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    print(f"the page on port {port} answered {status}")
    return 1 if status >= SERVER_ERROR else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
