"""What a connection may do: nothing before its password, then only what flowkit sends.

fakeredis knows 350 commands. RESTORE unpickles its argument, CONFIG SET and ACL SAVE write files,
EVAL runs any text. So only listed commands are answered: those of ``protocol.roles`` and what a
connection needs. A new command of fakeredis stays refused until flowkit sends it.

The password is compared in constant time, and the third wrong one ends the connection.

Patterns are refused, except for the only kind that flowkit sends, a prefix and a ``*``: fakeredis
turns them into regular expressions, and one with many stars would block the server forever.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from fakeredis._helpers import OK, SimpleError

from ..protocol.roles import DROPS_A_NAMESPACE, ROLES, SENT_BY_ALL

# As fakeredis spells them. All roles send EVAL and INFO, and both are refused: every script is
# known already, and a client takes a refused INFO for "not known". fakeredis has no MEMORY.
ANSWERED = frozenset(
    name.replace("|", " ")
    for name in (SENT_BY_ALL | DROPS_A_NAMESPACE).union(*(role.commands for role in ROLES))
) - {"eval", "info", "memory usage"} | {"ping", "client setinfo"}
WRONG_PASSWORDS = 3
LONGEST_NAME = 40  # characters shown of a command in an error
LONGEST_PATTERN = 1000
_PREFIX = re.compile(rb"[^*?\[\]\\]*\*?")
_USER = b"default"
_NO_AUTH = "NOAUTH Authentication required: the URL of the embedded server holds its password."
_WRONG = "WRONGPASS invalid username-password pair or user is disabled."
_NOT_ALONE = "ERR wrong number of arguments for '{}' command"


def refusal(name: str) -> SimpleError:
    """Return the error for a refused command; it names the command."""
    shown = ascii(name[:LONGEST_NAME].upper())
    if name in ("eval", "script load"):
        why = "it runs only the scripts of its own release of flowkit, by digest"
    else:
        why = "it knows only the commands that flowkit sends; use a Redis for others"
    return SimpleError(f"ERR the embedded server does not answer {shown}: {why}")


class Gate:
    """The gate of one connection. It answers the commands that concern the connection itself.

    ``is_open``: whether the password was right. ``is_over``: whether the connection must be closed
    after its replies are sent. ``protocol``: the version that the peer asked for, 2 or 3.
    """

    __slots__ = ("_own", "_password", "_wrong", "is_open", "is_over", "protocol")

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._wrong = 0
        self.is_open = self.is_over = False
        self.protocol = 2
        self._own: dict[bytes, Callable[[list[bytes]], Any]] = {
            b"AUTH": self._auth,
            b"HELLO": self._hello,
            b"QUIT": self._quit,
            b"SELECT": self._select,
            b"SCAN": partial(self._scan, "SCAN", 1),
            b"HSCAN": partial(self._scan, "HSCAN", 2),
            b"ZSCAN": partial(self._scan, "ZSCAN", 2),
        }

    def answer(self, fields: list[bytes]) -> Any:
        """Return the reply to a command, None if the server has to run it."""
        own = self._own.get(fields[0].upper()) if len(fields[0]) <= len(b"SELECT") else None
        if own is not None:
            return own(fields[1:])
        return None if self.is_open else SimpleError(_NO_AUTH)

    def _auth(self, words: list[bytes]) -> Any:
        if not 1 <= len(words) <= 2:
            return SimpleError(_NOT_ALONE.format("auth"))
        return OK if self._authenticate(*words) else SimpleError(_WRONG)

    def _authenticate(self, *words: bytes) -> bool:
        """Check ``[user] password``; return whether they are right."""
        user = words[0] if len(words) == 2 else _USER
        if hmac.compare_digest(words[-1], self._password) and user == _USER:
            self.is_open = True
            return True
        self._wrong += 1
        self.is_over = self._wrong >= WRONG_PASSWORDS
        return False

    def _hello(self, words: list[bytes]) -> Any:
        version, *options = words or [b"%d" % self.protocol]
        if version not in (b"2", b"3"):
            return SimpleError("NOPROTO unsupported protocol version")
        while options:
            word, count = options[0].upper(), 3 if options[0].upper() == b"AUTH" else 2
            if word not in (b"AUTH", b"SETNAME") or len(options) < count:
                return SimpleError("ERR Syntax error in HELLO")
            if word == b"AUTH" and not self._authenticate(*options[1:3]):
                return SimpleError(_WRONG)
            del options[:count]
        if not self.is_open:
            return SimpleError(_NO_AUTH)
        self.protocol = int(version)
        about = {"server": "flowkit", "proto": self.protocol, "mode": "standalone"}
        return {**about, "version": "7.0.0", "role": "master", "modules": []}

    def _select(self, words: list[bytes]) -> Any:
        if not self.is_open:
            return SimpleError(_NO_AUTH)
        if words == [b"0"]:
            return OK
        return SimpleError("ERR DB index is out of range: the embedded server has database 0 only")

    def _scan(self, command: str, fixed: int, words: list[bytes]) -> Any:
        """Refuse patterns. ``fixed``: the number of words before the options. None: run it."""
        if not self.is_open:
            return SimpleError(_NO_AUTH)
        options = words[fixed:]
        for option, pattern in pairwise(options):
            if option.upper() == b"MATCH" and not _is_prefix(pattern):
                return SimpleError(
                    f"ERR the embedded server does not answer {command} with this pattern: it "
                    f"knows a prefix of up to {LONGEST_PATTERN} bytes with one '*' at its end; "
                    "use a Redis for others"
                )
        return None

    def _quit(self, _: list[bytes]) -> Any:
        self.is_over = True
        return OK


def _is_prefix(pattern: bytes) -> bool:
    return len(pattern) <= LONGEST_PATTERN and _PREFIX.fullmatch(pattern) is not None
