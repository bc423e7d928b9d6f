"""The commands of the embedded server: those of fakeredis behind a gate, with other blocking.

Every command of a peer, and every ``redis.call`` of a script, is looked up by name in
``ServerSession._name_to_func``, which refuses what is not in ``ServerSession.answered``.

A command that would block is parked: what it waits for is stored with its connection, and the
thread continues.

The hooks into fakeredis are the methods overridden below. 2.40 is the oldest release that fits:
before it, these modules were elsewhere, and a waiting XREAD was woken without a result.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import fakeredis
from fakeredis._core import Database
from fakeredis._helpers import NoResponse, SimpleError
from fakeredis._socket import FakeSocket

from .gate import ANSWERED, Gate, refusal
from .scripts import ScriptEngine, known_scripts


class Storage(fakeredis.FakeServer):  # type: ignore[misc]
    """The data of one server. ``changed``: keys written since the set was last emptied."""

    def __init__(self) -> None:
        super().__init__(version=(7,))
        self.changed: set[bytes] = set()
        self.dbs: dict[int, _Watched] = defaultdict(lambda: _Watched(self.lock, self.changed))


class _Watched(Database):  # type: ignore[misc]
    def __init__(self, lock: threading.Lock, changed: set[bytes]) -> None:
        super().__init__(lock)
        self._changed = changed

    def notify_watch(self, key: bytes) -> None:
        """Called by fakeredis for each key that a command wrote."""
        self._changed.add(key)
        super().notify_watch(key)


@dataclass(slots=True)
class Parked:
    """A command that waits. ``retry()`` returns its reply, or None while there is none."""

    fields: Sequence[bytes]
    deadline: float | None  # of time.monotonic()
    retry: Callable[[], Any]
    timed_out: Callable[[], Any]


class ServerSession(FakeSocket):  # type: ignore[misc]
    """The state of one connection in fakeredis: its database and its subscriptions."""

    answered: ClassVar[frozenset[str]] = ANSWERED

    def __init__(
        self, server: Storage, scripts: ScriptEngine, gate: Gate, reply: Callable[[Any], None]
    ) -> None:
        """``reply`` is called with each reply and each pushed message."""
        super().__init__(server, 0, client_class=fakeredis.FakeRedis)
        self.gate = gate
        self._scripts = scripts
        self._reply = reply
        self._fields: Sequence[bytes] = ()
        self.parked: Parked | None = None

    @property
    def is_subscribed(self) -> bool:
        """Whether it has subscriptions."""
        return bool(self._pubsub)

    def execute(self, fields: list[bytes]) -> None:
        """Run one command. Its reply goes to ``reply``, unless the command is parked."""
        reply = self.gate.answer(fields)
        if reply is None:
            self._fields = fields
            self._process_command(fields)
        else:
            self._client_info["resp"] = self.gate.protocol
            self._reply(reply)

    # -- what fakeredis calls -------------------------------------------------------------------

    def put_response(self, msg: Any) -> None:
        """Receive a reply or a pushed message."""
        self._reply(msg)

    def _decode_result(self, result: Any) -> Any:
        return result  # replies.encode distinguishes status and error replies

    def _name_to_func(self, cmd_name: str) -> Any:
        if cmd_name not in self.answered:
            raise refusal(cmd_name)
        return super()._name_to_func(cmd_name)

    def _blocking(
        self,
        timeout: float | None,
        func: Callable[[bool], Any],
        shape: Callable[[Any], Any] | None = None,
    ) -> Any:
        shaped = shape or (lambda result: result)
        result = func(True)
        if result is not None or self._in_transaction:
            return shaped(result)

        def retry() -> Any:
            answer = func(False)
            return None if answer is None else shaped(answer)

        deadline = time.monotonic() + timeout if timeout else None
        self.parked = Parked(self._fields, deadline, retry, lambda: shaped(None))
        return NoResponse()

    def srandmember(self, key: Any, count: int | None = None) -> Any:
        """SRANDMEMBER. With a negative count, members may repeat without limit."""
        if count is not None and count < 0:
            raise SimpleError(
                "ERR the embedded server does not answer SRANDMEMBER with a count below 0: it "
                "takes each member once; use a Redis for others"
            )
        return super().srandmember(key, count)

    def evalsha(self, sha1: bytes, numkeys: int, *keys_and_args: bytes) -> Any:
        """EVALSHA."""
        text = self._script_text(sha1)
        if not 0 <= numkeys <= len(keys_and_args):
            raise SimpleError("ERR Number of keys can't be negative or greater than number of args")
        keys, args = keys_and_args[:numkeys], keys_and_args[numkeys:]
        return self._scripts.run(self, sha1, text, keys, args)

    def _script_text(self, digest: bytes) -> bytes:
        """Return the text of a known script.

        Raises SimpleError, but never NOSCRIPT, after which clients would send the text.
        """
        text = known_scripts().get(digest)
        if text is None:
            raise SimpleError(
                "ERR the embedded server does not know this script: it runs only those of its own "
                "release of flowkit. Use the same release in all processes"
            )
        return text
