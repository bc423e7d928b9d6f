"""The scripts of the embedded server: those of this release of flowkit only, in a sandbox.

fakeredis recompiles a script's text for each call, walks all Lua globals for each ``redis.call``
and collects garbage after each script. Measured against its own server, in µs: a heartbeat 160
instead of 600, queue + claim + complete 640 instead of 2,200, the same for 100 attempts 2,900
instead of 6,100. Its Lua can also reach Python and the operating system. Here, scripts run in a
sandbox: no ``python``, ``os``, ``io`` or ``debug``, no attributes of Python objects, and, as in
Redis, no new globals.

No script text comes from a peer: precompiled Lua can read and write the memory of the process, and
no sandbox prevents that. All scripts are known from the start, so a client never needs EVAL.

A script that takes longer than ``LONGEST_S`` is ended by an error, because it would block the
server. No honest script takes that long. The limit is that high because what a script has written
before it is ended stays.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any

import lupa.lua51 as lua  # type: ignore[import-untyped, unused-ignore]
from fakeredis._commands import COMMANDS_WITH_SUB
from fakeredis._helpers import SimpleError, SimpleString

from ..protocol.scripts import names, script

LONGEST_S = 30.0
STEPS_PER_CHECK = 1_000_000  # Lua instructions between two checks of the clock, about 10 ms

# Scripts see this table instead of Lua's globals, which stay as lupa needs them.
_SANDBOX = """
local call, pcall_command, is_late, steps = ...
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
debug.sethook(function() if is_late() then error("the script takes too long", 0) end end, "", steps)
return admit, set_args
"""


@cache
def known_scripts() -> dict[bytes, bytes]:
    """Return digest → text of all scripts of this release."""
    scripts = map(script, names())
    return {entry.digest.encode(): entry.text.encode() for entry in scripts}


def _no_attribute(_object: object, _name: object, _setting: bool) -> str:
    raise AttributeError("scripts may not access attributes of the server")


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
        self._admit, self._set_args = self._lua.execute(
            _SANDBOX, self._call, self._pcall, self._is_late, STEPS_PER_CHECK
        )
        self._compiled: dict[bytes, Any] = {}
        self._client: Any = None
        self._began = 0.0

    def run(
        self, client: Any, digest: bytes, text: bytes, keys: Sequence[bytes], args: Sequence[bytes]
    ) -> Any:
        """Run a script on behalf of a client. Raises SimpleError, which becomes an error reply."""
        self._client = client
        self._began = time.monotonic()
        try:
            chunk = self._compiled.get(digest)
            if chunk is None:
                chunk = self._compiled[digest] = self._admit(self._lua.compile(text))
            self._set_args(self._lua.table_from(keys), self._lua.table_from(args))
            return _from_lua(chunk())
        except lua.LuaError as error:
            raise SimpleError(
                f"ERR Error running script {digest.decode()}: {_lua_message(error)}"
            ) from None
        finally:
            self._client = None

    def _is_late(self) -> bool:
        return time.monotonic() - self._began > LONGEST_S

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


def _lua_message(error: Exception) -> str:
    """Return the text of a Lua error without its traceback, which names nothing useful."""
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
    """Convert the return value of a script to a reply, by the rules of Redis."""
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
