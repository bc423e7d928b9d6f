"""A walk-through of a page: its commands are played on a real system, and noted as shown there."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from forker import shared_forker
from real_system import System

DEADLINE_S = 60.0
Shown = Sequence[tuple[str, str]]  # what differs each time → what the page shows instead


class Story:
    """A system, and what the user types and reads."""

    def __init__(self, system: System, shown: Shown) -> None:
        self.system = system
        self.told: list[str] = []
        self._shown = shown
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("FLOWKIT_")},
            "FLOWKIT_REDIS_URL": system.url,
            "FLOWKIT_NAMESPACE": system.namespace,
            "COLUMNS": "100",
        }

    def types(self, text: str, only: str = "", *, notes_first: bool = False) -> None:
        """Type a command, and note it with what it prints.

        ``only``: its lines with this word. ``notes_first``: what it prints to standard error comes
        before its result.
        """
        words = text.split()[1:]
        done = shared_forker().run(words, self.system.folder, self.environ, DEADLINE_S)
        printed = done.stderr + done.stdout if notes_first else done.stdout + done.stderr
        for pattern, shown in self._shown:
            printed = re.sub(pattern, shown, printed)
        if only:
            text += f" | grep {only}"
            printed = "\n".join(line for line in printed.splitlines() if only in line)
        self.told.append(f"$ {text}\n{printed}".rstrip() + "\n")
