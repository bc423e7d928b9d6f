"""Reading requests: the bytes of one connection become commands, within limits.

A request is an array of bulk strings, as every client library sends it: ``*2␍␊$3␍␊GET␍␊$1␍␊a␍␊``.
Anything else is refused: inline commands, arrays within arrays, numbers that are not plain
digits, and whatever exceeds the limits. The connection must then be closed, since it is unknown
where the next request begins.

A size that a peer announces reserves nothing. Memory is taken by bytes that have arrived, and
those of one unfinished request are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one request. ``arguments``: how many. ``argument``, ``total``: bytes."""

    arguments: int
    argument: int
    total: int


# Before the password: enough for AUTH and HELLO, and little for a stranger to fill.
UNKNOWN_PEER = Limits(arguments=8, argument=512, total=1024)
# After it: those of Redis (proto-max-bulk-len, client-query-buffer-limit).
KNOWN_PEER = Limits(arguments=2**20, argument=512 * 2**20, total=2**30)
LONGEST_LINE = 32  # "*1048576" and "$536870912" are shorter


class ProtocolError(Exception):
    """The bytes are no request, or one that is too large."""


class RequestReader:
    """Give it bytes with ``feed``; ``next`` returns the commands that are complete."""

    __slots__ = ("_at", "_chunks", "_data", "_fields", "_fresh", "_missing", "_used", "_wanted",
                 "limits")  # fmt: skip

    def __init__(self) -> None:
        self.limits = UNKNOWN_PEER
        self._data = b""  # what is read from, at _at
        self._at = 0
        self._chunks: list[bytes] = []  # what came after it, _fresh bytes
        self._fresh = 0
        self._wanted = 0  # unread bytes below which there is nothing to read
        self._fields: list[bytes] = []  # of the request that is not complete
        self._missing = 0  # fields of it that have not come yet
        self._used = 0  # bytes of those that have come

    def feed(self, data: bytes) -> None:
        """Take bytes. Raises ProtocolError if more wait here already than one request may have."""
        self._check_size(self._unread())
        self._chunks.append(data)
        self._fresh += len(data)

    def next(self) -> list[bytes] | None:
        """Return the next command, None if none is complete. Raises ProtocolError."""
        if self._chunks:
            if self._unread() < self._wanted:
                self._check_size(self._used + self._unread())
                return None
            self._join()
        while True:
            if not self._missing:
                count = self._number(b"*")
                if count is None:
                    break
                _check(count, self.limits.arguments, "arguments")
                self._missing, self._fields, self._used = count, [], 0
            if not self._read_fields():
                break
            self._check_size(self._used)
            self._used = 0
            if self._fields:  # an empty request is none, as in Redis
                return self._fields
        self._check_size(self._used + self._unread())
        return None

    def _unread(self) -> int:
        return len(self._data) - self._at + self._fresh

    def _join(self) -> None:
        rest = self._data[self._at :]
        self._data = b"".join((rest, *self._chunks))
        self._chunks.clear()
        self._at = self._fresh = self._wanted = 0

    def _read_fields(self) -> bool:
        """Read fields of the request; return whether it is complete."""
        while self._missing:
            start = self._at
            length = self._number(b"$")
            if length is None:
                return False
            _check(length, self.limits.argument, "bytes in an argument")
            end = self._at + length
            if len(self._data) < end + 2:  # a large argument is joined once, when all of it is here
                self._at, self._wanted = start, end + 2 - start
                return False
            if self._data[end : end + 2] != b"\r\n":
                raise ProtocolError("an argument is longer than it says")
            self._fields.append(self._data[self._at : end])
            self._at = end + 2
            self._missing -= 1
            self._used += end + 2 - start
        return True

    def _number(self, mark: bytes) -> int | None:
        """Return the number of a line such as ``*3``, None if the line is not complete."""
        data, at = self._data, self._at
        end = data.find(b"\r\n", at, at + LONGEST_LINE)
        digits = data[at + 1 : end if end >= 0 else at + LONGEST_LINE]
        if data[at : at + 1] == mark:
            if end >= 0 and digits.isdigit():
                self._at = end + 2
                return int(digits)
            if end < 0 and len(data) - at < LONGEST_LINE:
                return None
        elif at == len(data):
            return None
        raise ProtocolError(f"a request is an array of strings, and not {data[at : at + 20]!a}")

    def _check_size(self, size: int) -> None:
        if size > self.limits.total:
            raise ProtocolError(f"at most {self.limits.total:,} bytes of a request are allowed")


def _check(number: int, most: int, of_what: str) -> None:
    if number > most:
        raise ProtocolError(f"{number:,} {of_what}, and at most {most:,} are allowed")
