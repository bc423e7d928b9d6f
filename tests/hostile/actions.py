"""What an attacker does: commands to Redis, drawn from a seed, noted so that they can be replayed.

A command may name what only exists at run time, the ids of living workers and the scheduler or a
moment from now, by a mark such as ``@@worker:0@@`` or ``@@in:5000@@``. It is filled in when the
command is sent, so that a replay hits the processes of its own time.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import redis

Command = tuple[bytes, ...]
_MARK = re.compile(rb"@@(worker|scheduler|in):(-?\d+)@@")
_PLAIN = 200  # bytes; longer arguments are compressed in the file


class Harm(IntEnum):
    """What an action may do to honest runs. Each class includes those before it."""

    NONE = 0  # nothing at all
    REPEATS = 1  # attempts repeat, since a living worker loses its lease or claims
    DESTROYS = 2  # runs are late or lost, since shared truth is overwritten


@dataclass(frozen=True, slots=True)
class Action:
    """One attack. ``undo``: what the operator is told to do about it, by the documentation."""

    number: int
    kind: str
    harm: Harm
    commands: tuple[Command, ...]
    undo: tuple[Command, ...] = ()

    def as_json(self) -> str:
        """Return one line of an actions file."""
        parts = {"commands": _encoded(self.commands), "undo": _encoded(self.undo)}
        return json.dumps({"n": self.number, "kind": self.kind, "harm": int(self.harm), **parts})

    @classmethod
    def from_json(cls, line: str) -> Action:
        """Read such a line."""
        parts = json.loads(line)
        return cls(
            parts["n"],
            parts["kind"],
            Harm(parts["harm"]),
            _decoded(parts["commands"]),
            _decoded(parts["undo"]),
        )


def read_actions(path: Path) -> list[Action]:
    """Return the actions of a file; lines that tell of violations are skipped."""
    lines = path.read_text("utf-8").splitlines()
    return [Action.from_json(line) for line in lines if '"commands"' in line]


class Living:
    """Who lives at the moment: fills in marks.

    ``workers`` and ``schedulers`` return the ids of what runs; ``now_ms`` is Redis' time.
    """

    def __init__(
        self,
        workers: Callable[[], Sequence[str]],
        schedulers: Callable[[], Sequence[str]],
        now_ms: Callable[[], int],
    ) -> None:
        self._ids = {b"worker": workers, b"scheduler": schedulers}
        self._now_ms = now_ms

    def fill_in(self, command: Command) -> Command:
        """Replace all marks of a command."""
        if not any(b"@@" in part for part in command):
            return command
        return tuple(_MARK.sub(self._found, part) for part in command)

    def _found(self, mark: re.Match[bytes]) -> bytes:
        number = int(mark[2])
        if mark[1] == b"in":
            return b"%d" % (self._now_ms() + number)
        ids = self._ids[mark[1]]()
        return ids[number % len(ids)].encode() if ids else b"nobody"


def send(server: redis.Redis, commands: Iterator[Command] | Sequence[Command]) -> int:
    """Carry commands out, one after the other; return how many Redis refused."""
    refused = 0
    for command in commands:
        try:
            server.execute_command(*command)
        except redis.ResponseError:
            refused += 1  # such as WRONGTYPE, where another action was there before
    return refused


def _encoded(commands: Sequence[Command]) -> list[list[str]]:
    return [[_to_text(part) for part in command] for command in commands]


def _decoded(commands: list[list[str]]) -> tuple[Command, ...]:
    return tuple(tuple(_to_bytes(part) for part in command) for command in commands)


def _to_text(part: bytes) -> str:
    if len(part) > _PLAIN:
        return "z:" + base64.b64encode(zlib.compress(part)).decode()
    return "t:" + part.decode("latin-1")


def _to_bytes(text: str) -> bytes:
    if text.startswith("z:"):
        return zlib.decompress(base64.b64decode(text[2:]))
    return text[2:].encode("latin-1")
