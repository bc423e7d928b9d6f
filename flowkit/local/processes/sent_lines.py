"""The lines of tasks on their way from a child to the process that runs the DAG.

They use the pipe of the replies: a message that begins with ``LINE`` is a line, as JSON; a reply is
a pickle and never begins so. A line is sent when it is printed, so it survives the child.
"""

from __future__ import annotations

import json
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Lock

from ...clock import SYSTEM_CLOCK
from ...logging.kept_lines import KEPT
from ...logging.streams import Who

LINE = b"L"


class SentLines:
    """The child's side: a sink of lines, and the way to send replies beside them."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = Lock()  # threads of tasks print while another one replies

    def send(self, message: bytes) -> None:
        """Send a reply."""
        with self._lock:
            self._pipe.send_bytes(message)

    def add(self, whose: Who, level: int, stream: str, text: str) -> None:
        """Send a line. If the parent is gone, it is dropped."""
        line = json.dumps([*whose, SYSTEM_CLOCK.wall(), level, stream, text])
        with suppress(OSError):
            self.send(LINE + line.encode())

    def end(self, whose: Who) -> None:
        """Do nothing: every line was sent."""

    def filters_changed(self, *, any_left: bool) -> None:
        """Do nothing: the filters have seen every line."""


def keep_line(message: bytes) -> bool:
    """Keep a line that a child has sent; return False if the message is something else."""
    if not message.startswith(LINE):
        return False
    run, task, attempt, time, level, stream, text = json.loads(message[1:])
    KEPT.keep((run, task, attempt), time, level, stream, text)
    return True
