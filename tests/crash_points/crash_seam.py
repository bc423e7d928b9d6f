"""The seam: every call of every process to Redis goes through here, gets a number, and may fail.

A ``Process`` stands for one operating-system process: it owns links, and it is alive or dead. A
dead process sends nothing more: the next call of any of its frames that are still on the stack
raises ``Died``. Scripts get the environment's time instead of Redis' own, so leases and retries
take no time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import redis

from flowkit.protocol.link import Link
from flowkit.protocol.scripts import Script, names, script


class Kind(StrEnum):
    """What goes wrong with one call."""

    DIE_BEFORE = "die-before"  # the process ends before the call is sent
    DIE_AFTER = "die-after"  # the server has carried it out; the process ends before it hears of it
    HOST_DIES_BEFORE = "host-dies-before"  # as above, with the worker's parent and all its lanes
    HOST_DIES_AFTER = "host-dies-after"
    REQUEST_LOST = "request-lost"  # the connection breaks before the server has heard of it
    REPLY_LOST = "reply-lost"  # carried out, then the connection breaks
    SENT_TWICE = "sent-twice"  # carried out twice; the second reply counts
    LATE = "late"  # the host stands still until its lease is over and others have taken its place
    TOO_LATE = "too-late"  # until the others have nothing left to do


# A lane's process can end alone or with its host; of the others the process is the host.
OF_LANES = (Kind.HOST_DIES_BEFORE, Kind.HOST_DIES_AFTER)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: the kind, and the number of the call, from 1."""

    point: int
    kind: Kind

    def __str__(self) -> str:
        return f"{self.point}:{self.kind.value}"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was made: by whom, and which script or command."""

    number: int
    role: str
    label: str

    def __str__(self) -> str:
        return f"{self.number}. {self.role} {self.label}"

    def can_have(self, kind: Kind) -> bool:
        """Whether that kind of fault makes sense for this call."""
        return kind not in OF_LANES or self.role == "lane"


class Died(BaseException):
    """The process that was running has ended. No ``Exception``: nothing survives it."""


class Exchanger(Protocol):
    """What a link needs of the environment."""

    url: str

    @property
    def now_ms(self) -> int:
        """The time that scripts are given."""

    def exchange(self, process: Process, label: str, send: Any) -> Any:
        """Number a call, and carry it out or let it fail."""


class Process:
    """One process. ``host``: the process that it cannot outlive, itself if there is none.

    ``executing``: whether one of its tasks is on the stack, so that it cannot take a turn.
    ``on_wait`` is called when it would wait for work.
    """

    def __init__(self, env: Exchanger, role: str, host: Process | None = None) -> None:
        self.env = env
        self.role = role
        self.host = host or self
        self.alive = True
        self.executing = False
        self.on_wait: Callable[[], None] = lambda: None
        self._links: list[NumberedLink] = []
        self._guests: list[Process] = []
        if host is not None:
            host._guests.append(self)

    def link(self, url: str = "", **options: Any) -> NumberedLink:
        """Return a link of this process; the signature is that of ``Link``."""
        link = NumberedLink(self, url or self.env.url, **options)
        self._links.append(link)
        return link

    def check(self) -> None:
        """Raise Died if the process has ended."""
        if not self.alive:
            raise Died(self.role)

    def end(self) -> None:
        """End it, and its guests with it. Who is on the stack learns of it by ``check``."""
        self.alive = False
        for guest in self._guests:
            guest.end()
        for link in self._links:
            link.close()


class NumberedLink(Link):
    """A link whose exchanges go through the environment."""

    def __init__(self, process: Process, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._process = process

    def twin(self, name: str) -> NumberedLink:
        return self._process.link(
            self.url, patience=self.patience, stopped=self._stopped, max_value=self._max_value
        )

    def script(self, script: Script, prefix: str, args: Sequence[object]) -> Any:
        return super().script(script, prefix, (self._process.env.now_ms, *args[1:]))

    def call(self, *command: object) -> Any:
        if command[0] == "BLPOP":
            self._process.on_wait()
        reply = super().call(*command)
        if command == ("TIME",):
            seconds, ms = divmod(self._process.env.now_ms, 1000)
            return [b"%d" % seconds, b"%d" % (ms * 1000)]
        return reply

    def _exchange(self, command: Sequence[object]) -> Any:
        process, send = self._process, super()._exchange
        return process.env.exchange(
            process, label_of(command), lambda: answered_at_once(command, send)
        )

    def _exchange_all(
        self, commands: Sequence[Sequence[object]], *, each: bool = False
    ) -> list[Any]:
        process, send = self._process, super()._exchange_all
        result: list[Any] = process.env.exchange(
            process, label_of(commands[0]), lambda: send(commands, each=each)
        )
        return result


def answered_at_once(command: Sequence[object], send: Callable[[Sequence[object]], Any]) -> Any:
    """Send a command without its wait, which would only hold up the one thread.

    BLPOP cannot be told not to wait: Redis takes a timeout of 0 for none, and notices the end of a
    short one a tenth of a second later.
    """
    if command[0] == "XREAD":
        at = command.index("BLOCK")
        return send([*command[:at], *command[at + 2 :]])
    if command[0] == "BLPOP":
        for key in command[1:-1]:
            popped = send(["LPOP", key])
            if popped is not None:
                return [key, popped]
        return None
    return send(command)


_SCRIPTS = {script(name).digest: name for name in names()}


def label_of(command: Sequence[object]) -> str:
    """Return what a call is called: the script's name, or the command."""
    if command[0] == "EVALSHA":
        return _SCRIPTS[str(command[1])]
    return str(command[0])


def load_scripts(link: Link) -> None:
    """Load every script, so that no call is made only because a server did not know one."""
    with redis.Redis.from_url(link.url, protocol=2) as client:
        for name in names():
            client.script_load(script(name).text)
