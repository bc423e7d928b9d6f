"""The embedded server's commands: fakeredis' own, with another way to run scripts and to wait.

fakeredis recompiles a script's text for each call, walks all Lua globals for each ``redis.call``
and collects garbage after each script. Measured against its own server, in µs: a heartbeat 160 for
600, queue + claim + complete 640 for 2,200, the same for 100 attempts 2,900 for 6,100. Its Lua can
also reach Python and the operating system, so anybody who may send ``EVAL`` could run code with
the rights of this process. Scripts run in a sandbox here: no ``python``, ``os``, ``io`` or
``debug``, no attributes of Python objects, and, as in Redis, no new globals.

A command that would block is parked: it leaves what it waits for with its connection and gives
the thread back. It refuses commands that would run scripts outside the sandbox (FUNCTION, FCALL).

The hooks in fakeredis are the methods overridden below. 2.40 is the oldest release that fits:
before it, these modules lay elsewhere, and a waiting XREAD was woken with nothing.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import fakeredis
import lupa.lua51 as lua  # type: ignore[import-untyped, unused-ignore]
from fakeredis._commands import COMMANDS_WITH_SUB
from fakeredis._core import Database
from fakeredis._helpers import NoResponse, SimpleError, SimpleString
from fakeredis._socket import FakeSocket

# Scripts see this table instead of Lua's globals, which stay as lupa needs them.
_SANDBOX = """
local call, pcall_command = ...
local globals = {
  KEYS = {}, ARGV = {}, string = string, table = table, math = math, os = {clock = os.clock},
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall,
  rawequal = rawequal, rawget = rawget, rawset = rawset, select = select,
  setmetatable = setmetatable, tonumber = tonumber, tostring = tostring, type = type,
  unpack = unpack, xpcall = xpcall,
  redis = {
    call = call,
    pcall = pcall_command,
    error_reply = function(text) return {err = text} end,
    status_reply = function(text) return {ok = text} end,
  },
}
setmetatable(globals, {
  __newindex = function(_, name)
    error("Script attempted to create global variable '" .. tostring(name) .. "'", 2)
  end,
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
})
local function admit(chunk) return setfenv(chunk, globals) end
local function set_args(keys, argv) globals.KEYS, globals.ARGV = keys, argv end
return admit, set_args
"""


def _no_attribute(_object: object, _name: object, _setting: bool) -> str:
    raise AttributeError("scripts may not look into the server")


class ScriptEngine:
    """One Lua state for all scripts of one server; compiled scripts are kept by digest."""

    def __init__(self) -> None:
        self._lua = lua.LuaRuntime(
            encoding=None,
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_no_attribute,
        )
        self._admit, self._set_args = self._lua.execute(_SANDBOX, self._call, self._pcall)
        self._compiled: dict[bytes, Any] = {}
        self._client: Any = None

    def run(
        self, client: Any, digest: bytes, text: bytes, keys: Sequence[bytes], args: Sequence[bytes]
    ) -> Any:
        """Run a script on behalf of a client. Raises SimpleError, which becomes an error reply."""
        self._client = client
        try:
            chunk = self._compiled.get(digest)
            if chunk is None:
                chunk = self._compiled[digest] = self._admit(self._lua.compile(text))
            self._set_args(self._lua.table_from(keys), self._lua.table_from(args))
            return _from_lua(chunk())
        except lua.LuaError as error:
            raise SimpleError(
                f"ERR Error running script {digest.decode()}: {_said(error)}"
            ) from None
        finally:
            self._client = None

    def _call(self, *words: bytes | float) -> Any:
        fields = [_argument(word) for word in words]
        name = fields.pop(0).decode("utf-8", "replace").lower()
        if name in COMMANDS_WITH_SUB and fields:
            name += " " + fields.pop(0).decode("utf-8", "replace").lower()
        function, signature = self._client._name_to_func(name)
        return self._to_lua(self._client._run_command(function, signature, fields, True))

    def _pcall(self, *words: bytes | float) -> Any:
        try:
            return self._call(*words)
        except SimpleError as error:
            return self._lua.table_from({b"err": error.value.encode()})

    def _to_lua(self, value: Any) -> Any:
        if value is None:
            return False
        if isinstance(value, (bytes, int)):
            return value
        if isinstance(value, (list, tuple)):
            return self._lua.table_from([self._to_lua(item) for item in value])
        if isinstance(value, SimpleString):
            return self._lua.table_from({b"ok": value.value})
        if isinstance(value, SimpleError):
            raise value
        raise TypeError(f"a command answered {type(value).__name__}, which scripts cannot take")


def _said(error: Exception) -> str:
    """Return a Lua error's text without its traceback, which names nothing of ours."""
    text = error.args[0] if error.args else ""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return text.partition("\nstack traceback:")[0]


def _argument(word: bytes | float) -> bytes:
    if isinstance(word, bytes):
        return word
    if type(word) in (int, float):  # and not bool
        return b"%.17g" % word
    raise SimpleError("ERR Lua redis lib command arguments must be strings or integers")


def _from_lua(value: Any) -> Any:
    """Turn what a script returned into a reply, by the rules of Redis."""
    if lua.lua_type(value) == "table":
        for word, kind in ((b"err", SimpleError), (b"ok", SimpleString)):
            text = value[word]
            if text is not None:
                return kind(text.decode("utf-8", "replace") if kind is SimpleError else text)
        items: list[Any] = []
        for index in count(1):  # the first nil ends the reply, as in Redis
            item = value[index]
            if item is None:
                return items
            items.append(_from_lua(item))
    if isinstance(value, bool):
        return 1 if value else None
    if isinstance(value, float):
        return int(value)
    return value


class Storage(fakeredis.FakeServer):  # type: ignore[misc]
    """The data of one server. ``changed``: keys written since somebody emptied the set."""

    def __init__(self) -> None:
        super().__init__(version=(7,))
        self.changed: set[bytes] = set()
        self.dbs: dict[int, _Watched] = defaultdict(lambda: _Watched(self.lock, self.changed))


class _Watched(Database):  # type: ignore[misc]
    def __init__(self, lock: threading.Lock, changed: set[bytes]) -> None:
        super().__init__(lock)
        self._changed = changed

    def notify_watch(self, key: bytes) -> None:
        """fakeredis says so of each key that a command wrote."""
        self._changed.add(key)
        super().notify_watch(key)


@dataclass(slots=True)
class Parked:
    """A command that waits. ``retry()`` gives its reply, or None while there is none."""

    fields: Sequence[bytes]
    deadline: float | None  # of time.monotonic()
    retry: Callable[[], Any]
    timed_out: Callable[[], Any]


class Client(FakeSocket):  # type: ignore[misc]
    """One connection's state in fakeredis: its database, transaction and subscriptions."""

    def __init__(
        self, server: Storage, scripts: ScriptEngine, reply: Callable[[Any], None]
    ) -> None:
        """``reply`` is given each reply and each pushed message."""
        super().__init__(server, 0, client_class=fakeredis.FakeRedis)
        self._scripts = scripts
        self._reply = reply
        self._fields: Sequence[bytes] = ()
        self.parked: Parked | None = None

    @property
    def protocol(self) -> int:
        """The version of the protocol that the peer asked for, 2 or 3."""
        return 3 if self._client_info.protocol_version == 3 else 2

    @property
    def takes_pushes(self) -> bool:
        """Whether it has subscribed to something in protocol 3, which marks messages as such."""
        return self.protocol == 3 and self._pubsub > 0

    def execute(self, fields: list[bytes]) -> None:
        """Run one command; its reply is handed to ``reply`` unless it is parked."""
        self._fields = fields
        self._process_command(fields)

    # -- what fakeredis calls -------------------------------------------------------------------

    def put_response(self, msg: Any) -> None:
        """Take a reply or a pushed message."""
        self._reply(msg)

    def _decode_result(self, result: Any) -> Any:
        return result  # status and error replies are told apart when they are written

    def _name_to_func(self, cmd_name: str) -> Any:
        if cmd_name.startswith(("function", "fcall")):
            raise SimpleError(f"ERR unknown command '{cmd_name}'")
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
            found = func(False)
            return None if found is None else shaped(found)

        deadline = time.monotonic() + timeout if timeout else None
        self.parked = Parked(self._fields, deadline, retry, lambda: shaped(None))
        return NoResponse()

    def eval(self, script: bytes, numkeys: int, *keys_and_args: bytes) -> Any:
        """EVAL."""
        digest = hashlib.sha1(script, usedforsecurity=False).hexdigest().encode()
        self._server.script_cache[digest] = script
        return self.evalsha(digest, numkeys, *keys_and_args)

    def evalsha(self, sha1: bytes, numkeys: int, *keys_and_args: bytes) -> Any:
        """EVALSHA."""
        text = self._server.script_cache.get(sha1)
        if text is None:
            raise SimpleError("NOSCRIPT No matching script. Please use EVAL.")
        if not 0 <= numkeys <= len(keys_and_args):
            raise SimpleError("ERR Number of keys can't be negative or greater than number of args")
        keys, args = keys_and_args[:numkeys], keys_and_args[numkeys:]
        return self._scripts.run(self, sha1, text, keys, args)
