"""One connection to Redis that survives outages; the only module that sends anything.

redis-py makes the connection (TLS, passwords, protocol) and parses replies. Its client class is
not used: it retries on its own terms and takes longer per command than a script runs. Here, the
rule is explicit: every script is idempotent, so a call whose reply was lost is sent again, for up
to ``patience`` seconds, with growing pauses and jitter. Not thread-safe: each Link has one owner.

An error that waiting cannot fix (a wrong password, a bug in a script) is raised at once. A forked
child opens its own connection.
"""

from __future__ import annotations

import os
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import redis.exceptions as rx

from ..configuration.redis_url import redact_url
from ..exceptions import RedisUnavailable
from .advice import advice_for
from .connection import READ_TIMEOUT_S, new_connection
from .decoding import Oversized
from .limits import MAX_REPLY_BYTES
from .oversize import MOST_REFUSALS, looks_refused, too_large
from .reply_bound import ReplyBound, ReplyTooLarge
from .reply_errors import PASSING, WrongType, as_store_error, passes, refused_login
from .scripts import Script

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0

Outage = Callable[[Exception, float], None]
_RUN_ID = re.compile(rb"^run_id:(\w+)", re.MULTILINE)


class Link:
    """A connection that reconnects. Times are in seconds."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "flowkit",
        patience: float | None = 5.0,
        read_timeout: float = READ_TIMEOUT_S,
        on_outage: Outage | None = None,
        on_new_server: Callable[[], None] | None = None,
        stopped: threading.Event | None = None,
        max_value: int = 0,
        origin: str = "",
    ) -> None:
        """Prepare the connection; the first call opens it.

        ``patience``: seconds that one call retries during an outage, None for no limit.
        ``read_timeout``: must exceed the longest blocking call. ``on_outage(error, seconds)`` is
        called after each failed attempt. ``on_new_server`` is called when the server has been
        restarted or replaced, and so may have lost data; if it raises, nothing is sent.
        ``stopped``: once set, an outage ends the call at once. ``max_value``: bytes of the largest
        value that is read; a reply may be ``MAX_REPLY_BYTES`` longer. ``origin``: the file that
        contains the URL, which errors mention.

        Raises BadRedisURL.
        """
        self.url, self._name = url, name
        self._shown = redact_url(url) + (f" (from {origin})" if origin else "")
        self.patience = patience
        self.on_outage = on_outage
        self._on_new_server = on_new_server
        self._server: bytes | None = None
        self._stopped = stopped or threading.Event()
        self._new_connection = partial(new_connection, url, name=name, read_timeout=read_timeout)
        self._max_reply, self._max_value = MAX_REPLY_BYTES + max_value, max_value
        self._prepare()

    def _prepare(self) -> None:
        self._connection = self._new_connection()
        self._bound = ReplyBound(self._connection, self._max_reply)
        self._is_checked = self._on_new_server is None
        self._pid = os.getpid()

    def twin(self, name: str) -> Link:
        """Return another connection like this one; ``name`` is added to its name. It calls nothing
        when there is an outage or a new server."""
        return Link(
            self.url,
            name=f"{self._name}-{name}",
            patience=self.patience,
            stopped=self._stopped,
            max_value=self._max_value,
        )

    def close(self) -> None:
        """Close the connection. A later call opens it again."""
        self._connection.disconnect()  # a forked child does not affect the parent's
        self._is_checked = self._on_new_server is None

    # -- calls --------------------------------------------------------------------------------

    def call(self, *command: object) -> Any:
        """Send one command and return its reply. It must be safe to send the command twice.

        Raises RedisUnavailable when ``patience`` is over, StoreError for an error reply.
        """
        return self._persist(lambda: self._exchange(command), command)

    def script(self, script: Script, prefix: str, args: Sequence[object]) -> Any:
        """Run a script by digest, or by its text if the server does not know it.

        It is not loaded first, because the server could forget it in between.
        """

        def once() -> Any:
            try:
                return self._exchange(("EVALSHA", script.digest, 1, prefix, *args))
            except rx.NoScriptError:
                return self._exchange(("EVAL", script.text, 1, prefix, *args))

        return self._persist(once, args)

    def scripts(self, script: Script, prefix: str, calls: Sequence[Sequence[object]]) -> list[Any]:
        """Run a script once per list of arguments, in one round trip.

        A pipelined EVALSHA cannot fall back to EVAL. If the server does not know the script, the
        whole batch is sent again with its text.
        """
        commands = [("EVALSHA", script.digest, 1, prefix, *args) for args in calls]

        def once() -> list[Any]:
            try:
                return self._exchange_all(commands)
            except rx.NoScriptError:
                return self._exchange_all(
                    [("EVAL", script.text, 1, prefix, *args) for args in calls]
                )

        result: list[Any] = self._persist(once, calls)
        return result

    def batch(self, commands: Sequence[Sequence[object]]) -> list[Any]:
        """Send reads together and return their replies in order."""

        if not commands:
            return []
        result: list[Any] = self._persist(lambda: self._exchange_all(commands), commands)
        return result

    def batch_each(self, commands: Sequence[Sequence[object]]) -> list[Any]:
        """Send reads together and return their replies in order.

        The reply is a WrongType for a key with a wrong type, so that it does not affect the others.
        """
        if not commands:
            return []
        result: list[Any] = self._persist(lambda: self._exchange_all(commands, each=True), commands)
        return result

    @contextmanager
    def impatient(self, most: float = 0.0) -> Iterator[None]:
        """Retry calls in a ``with`` block for at most ``most`` seconds; by default, not at all."""
        patience = self.patience
        self.patience = most if patience is None else min(most, patience)
        try:
            yield
        finally:
            self.patience = patience

    def interrupt(self) -> None:
        """End a blocking call of another thread by shutting down its connection. Any thread."""
        if self._pid != os.getpid():
            return
        with suppress(OSError, AttributeError):
            self._connection._sock.shutdown(socket.SHUT_RDWR)

    # -- the one retry loop ---------------------------------------------------------------------

    def _exchange(self, command: Sequence[object]) -> Any:
        self._connection.send_command(*command)
        self._bound.fed = 0
        return self._connection.read_response()

    def _exchange_all(
        self, commands: Sequence[Sequence[object]], *, each: bool = False
    ) -> list[Any]:
        connection, bound = self._connection, self._bound
        connection.send_packed_command(connection.pack_commands(commands))
        replies: list[Any] = []
        failure: Exception | None = None
        for _ in commands:  # read every reply, or the next call would get one of them
            try:
                bound.fed = 0
                replies.append(connection.read_response())
            except rx.ResponseError as error:
                meaning = as_store_error(self._shown, error) if each else None
                if isinstance(meaning, WrongType):
                    replies.append(meaning)
                else:
                    failure = failure or error
        if failure is not None:
            raise failure
        return replies

    def _persist(self, attempt: Callable[[], Any], words: Sequence[object]) -> Any:
        if self._pid != os.getpid():
            self._prepare()
        began, pause, refusals = time.monotonic(), FIRST_PAUSE_S, 0
        while True:
            try:
                if not self._is_checked:
                    self._look_at_server()
                return attempt()
            except rx.AuthenticationError as error:
                raise refused_login(self._shown, error) from None
            except ReplyTooLarge as error:
                self.close()
                raise Oversized(
                    f"Redis at {self._shown} holds data that is too large: a reply was not "
                    f"read completely, since {error}"
                ) from None
            except PASSING as error:
                trouble: Exception = error
            except rx.ResponseError as error:
                if not passes(error):
                    raise as_store_error(self._shown, error) from error
                trouble = error
            # A reply of the broken exchange must never be read as the reply of the next one.
            self._connection.disconnect()
            self._is_checked = self._on_new_server is None
            refusals = refusals + 1 if looks_refused(trouble, words, self._exchange) else 0
            if refusals >= MOST_REFUSALS:
                raise too_large(self._shown, str(trouble)) from trouble
            self._give_up_or_report(trouble, time.monotonic() - began)
            self._stopped.wait(pause * (0.5 + random.random()))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _look_at_server(self) -> None:
        """Compare the server with the previous one. A server without identity counts as equal."""
        try:
            match = _RUN_ID.search(bytes(self._exchange(("INFO", "server"))))
        except rx.ResponseError as error:
            if isinstance(error, PASSING) or passes(error):
                raise
            match = None
        self._is_checked = True
        if match is None:
            return
        before, self._server = self._server, match[1]
        if self._on_new_server is not None and before not in (None, self._server):
            self._on_new_server()

    def _give_up_or_report(self, trouble: Exception, waited: float) -> None:
        out_of_patience = self.patience is not None and waited >= self.patience
        if out_of_patience or self._stopped.is_set():
            raise RedisUnavailable(
                f"cannot use Redis at {self._shown}: {str(trouble).rstrip('. ')}. "
                f"{advice_for(trouble, self.url)}"
            ) from trouble
        if self.on_outage is not None:
            self.on_outage(trouble, waited)
