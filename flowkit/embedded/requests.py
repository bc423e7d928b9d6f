"""Read requests: turn the bytes of one connection into commands, within limits.

A request is an array of bulk strings, as every client library sends it: ``*2␍␊$3␍␊GET␍␊$1␍␊a␍␊``.
Anything else is refused: inline commands, nested arrays, numbers that are not plain digits, and
whatever exceeds the limits. The connection must then be closed, because the start of the next
request is unknown.

A size that a peer announces allocates nothing. Memory is used by bytes that have arrived, and those
of one unfinished request are limited.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request. ``arguments``: a count. ``argument``, ``total``: bytes."""

    arguments: int
    argument: int
    total: int


# Before the password: enough for AUTH and HELLO, and little memory for a stranger to fill.
UNKNOWN_PEER = Limits(arguments=8, argument=512, total=1024)
# After it: the limits of Redis (proto-max-bulk-len, client-query-buffer-limit).
KNOWN_PEER = Limits(arguments=2**20, argument=512 * 2**20, total=2**30)
_DOLLAR = ord("$")
SHORT_BYTES = 128 * 1024  # the most data that is read by splitting it into lines
LONGEST_LINE = 32  # "*1048576" and "$536870912" are shorter


class ProtocolError(Exception):
    """The bytes are not a request, or the request is too large."""


class RequestReader:
    """Takes bytes with ``feed``; ``next`` returns the complete commands one by one."""

    __slots__ = ("_at", "_chunks", "_data", "_fields", "_fresh", "_lines", "_missing", "_used",
                 "_wanted", "limits")  # fmt: skip

    def __init__(self) -> None:
        self.limits = UNKNOWN_PEER
        self._data = b""  # the data being read, at the offset _at
        self._at = 0
        self._chunks: list[bytes] = []  # the data after it, _fresh bytes
        self._fresh = 0
        self._wanted = 0  # with fewer unread bytes than this, no field is complete
        self._fields: list[bytes] = []  # of the incomplete request
        self._missing = 0  # its fields that have not arrived yet
        self._used = 0  # bytes of its fields that have arrived
        self._lines: list[bytes] = []  # of the data, last first, for the fast path

    def feed(self, data: bytes) -> None:
        """Add bytes. Raises ProtocolError if more are unread than one request may have."""
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
        if self._lines and (fields := self._from_lines()):
            return fields
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
            if self._fields:  # an empty request is ignored, as in Redis
                return self._fields
        self._check_size(self._used + self._unread())
        return None

    def _unread(self) -> int:
        return len(self._data) - self._at + self._fresh

    def _join(self) -> None:
        self._leave_lines()
        rest = self._data[self._at :]
        self._data = b"".join((rest, *self._chunks))
        self._chunks.clear()
        self._at = self._fresh = self._wanted = 0
        if not self._missing and len(self._data) <= SHORT_BYTES and self.limits is KNOWN_PEER:
            self._lines = self._data.split(b"\r\n")
            self._lines.reverse()

    def _from_lines(self) -> list[bytes] | None:
        """Read a request on the fast path, at a third of the cost; None if that does not work.

        It works if each announced length is that of the line behind it. That fails for an argument
        that contains a line end and for an incomplete request: those are read from their bytes.
        """
        lines = self._lines
        count = lines[-1][1:LONGEST_LINE]  # a longer one is refused on the slow path
        if lines[-1][:1] == b"*" and count.isdigit() and 1 < 2 * int(count) + 1 < len(lines):
            first = len(lines) - 2 * int(count) - 1
            fields = lines[first:-1:2]
            if lines[first + 1 : -1 : 2] == [b"$%d" % len(field) for field in fields]:
                del lines[first:]
                if len(lines) == 1:
                    self._at = len(self._data) - len(lines[0])
                    lines.clear()
                fields.reverse()
                return fields
        self._leave_lines()
        return None

    def _leave_lines(self) -> None:
        """Continue with the bytes behind those that were read from lines."""
        if self._lines:
            self._at = len(self._data) - sum(map(len, self._lines)) - 2 * (len(self._lines) - 1)
            self._lines.clear()

    def _read_fields(self) -> bool:
        """Read fields of the request; return whether it is complete.

        The loop is inlined: it costs each command of a peer 0.3 µs per argument.
        """
        data, at, most = self._data, self._at, self.limits.argument
        size, begin = len(data), at
        for missing in range(self._missing, 0, -1):
            line = data.find(b"\r\n", at, at + LONGEST_LINE)
            digits = data[at + 1 : line]
            if line < 0 or data[at] != _DOLLAR or not digits.isdigit():
                return self._stop_at(begin, at, missing)
            length = int(digits)
            if length > most:
                _check(length, most, "bytes in an argument")
            end = line + 2 + length
            if size < end + 2:  # join a large argument once, when all of it has arrived
                self._wanted = end + 2 - at
                return self._stop_at(begin, at, missing)
            if data[end : end + 2] != b"\r\n":
                raise ProtocolError("an argument is longer than it says")
            self._fields.append(data[line + 2 : end])
            at = end + 2
        self._used += at - begin
        self._at, self._missing = at, 0
        return True

    def _stop_at(self, begin: int, at: int, missing: int) -> bool:
        """Continue here when more data arrives. Raises ProtocolError if no length begins here."""
        self._used += at - begin
        self._at, self._missing = at, missing
        if not self._wanted:
            self._number(b"$")
            self._at = at
        return False

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
        raise ProtocolError(f"a request is an array of strings, not {data[at : at + 20]!a}")

    def _check_size(self, size: int) -> None:
        if size > self.limits.total:
            raise ProtocolError(f"at most {self.limits.total:,} bytes of a request are allowed")


def _check(number: int, most: int, of_what: str) -> None:
    if number > most:
        raise ProtocolError(f"{number:,} {of_what}, and at most {most:,} are allowed")
