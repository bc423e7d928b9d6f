"""The record of a task, the authoritative source of its state.

A record is ``CODE attempt,lane,spent,started,ended,queued`` without the blank, written by
``lua/_lib/record.lua``. A task without a record is pending. ``spent`` says which attempts do not
count as failures, and has flags: see ``spent.py``. ``queued`` is hexadecimal, and missing in the
records of older releases. The record of a waiting task adds ``,reason,since``: why it waits, and
when its last attempt ended. That of a task that is over adds ``,ITEMS`` if its result is mapped, or
if it is a mapped task: see ``items.py``.

A newer release may write additional fields after these. They are ignored here. A change that
must not be ignored takes a new ``keys.SCHEMA``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgpack

from ..basics.shorten import MAX_MESSAGE, shorten
from ..core.states import TaskState
from .decoding import CorruptData, shown
from .items import Items
from .limits import ATTEMPT_DIGITS, MAX_LANE, MAX_SPENT, QUEUED_DIGITS, TIME_DIGITS
from .spent import UNSPENT, Spent

STATE_OF = {
    "P": TaskState.PENDING,
    "Q": TaskState.QUEUED,
    "R": TaskState.RUNNING,
    "W": TaskState.WAITING,
    "S": TaskState.SUCCEEDED,
    "F": TaskState.FAILED,
    "K": TaskState.SKIPPED,
    "U": TaskState.UPSTREAM_FAILED,
    "C": TaskState.CANCELLED,
}
_OVER = frozenset("SFKUC")
CODE_OF = {state: code for code, state in STATE_OF.items()}
MAX_TRACEBACK = 16_000  # of an error; see core.shorten for the message

_ATTEMPT = f"0|[1-9][0-9]{{0,{ATTEMPT_DIGITS - 1}}}"  # one number has one form, or fences differ
# Negative if the clock of Redis was set back; a sign counts as a digit.
_TIME = f"(?:[0-9]{{1,{TIME_DIGITS}}}|-[0-9]{{1,{TIME_DIGITS - 1}}})?"
_RECORD = re.compile(
    rf"([A-Z])({_ATTEMPT}),([!-+\-.-~]{{0,{MAX_LANE}}}),([!-+\-.-~]{{0,{MAX_SPENT}}}),"
    rf"({_TIME}),({_TIME})(?:,([ -~]*))?"
)
_QUEUED = re.compile(r"[0-9a-fA-F]*")  # the beginning of the field, as the scripts read it
_REASON = re.compile(r"[a-z_]{1,16}")
_SINCE = re.compile(r"-?[0-9]{1,14}")
MAX_ERROR_BYTES = 256 * 1024  # of a stored error; its texts are cut to a third of that
MAX_RECORD = 400  # bytes, the fields of a newer release included


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """The state of one task of one run. Times are ms since the run was submitted.

    ``reason``: why a waiting task waits: ``retry``, ``children``, ``again`` if it asked for that,
    or ``worker`` if its last worker did not have its function. ``since_ms``: since when. "" and
    None if an older release wrote the record. ``items``: of a task that is over, None without one
    that is valid.
    """

    state: TaskState
    attempt: int = 0
    lane: str = ""
    spent: Spent = UNSPENT
    started_ms: int | None = None
    ended_ms: int | None = None  # for a waiting task: when its next attempt is due
    queued_ms: int | None = None
    reason: str = ""
    since_ms: int | None = None
    items: Items | None = None


PENDING = TaskRecord(TaskState.PENDING)


def parse_record(data: bytes | None) -> TaskRecord:
    """Decode a record; None (no record) is a pending task. Raises CorruptData."""
    if data is None:
        return PENDING
    try:
        text = data.decode("ascii") if len(data) <= MAX_RECORD else ""
        fields = _RECORD.fullmatch(text)
        if fields is None:
            raise ValueError("it has another form")
        code, attempt, lane, spent, started, ended, more = fields.groups()
        queued, reason, since, items = _later_fields(code, more or "")
        return TaskRecord(
            STATE_OF[code],
            int(attempt),
            lane,
            Spent.decode(spent),
            int(started) if started else None,
            int(ended) if ended else None,
            queued,
            reason,
            since,
            items,
        )
    except (ValueError, LookupError, AttributeError, TypeError):
        raise CorruptData(f"a task's record in Redis is damaged: {shown(data)}") from None


def _later_fields(code: str, text: str) -> tuple[int | None, str, int | None, Items | None]:
    """Return queued, reason, since and items. A field of another form is of a newer release."""
    is_waiting = code == "W"
    queued, reason, since, *_ = [*text.split(","), "", "", ""]
    digits = _QUEUED.match(queued)
    hexadecimal = digits[0] if digits else ""
    return (
        int(hexadecimal, 16) if 0 < len(hexadecimal) <= QUEUED_DIGITS else None,
        reason if is_waiting and _REASON.fullmatch(reason) else "",
        int(since) if is_waiting and _SINCE.fullmatch(since) else None,
        _items(reason) if reason and code in _OVER else None,
    )


def _items(text: str) -> Items | None:
    try:
        return Items.parse(text)
    except ValueError:
        return None


def parse_state(data: bytes) -> TaskState:
    """Decode only the state in a record. Raises CorruptData."""
    try:
        return STATE_OF[chr(data[0])]
    except (LookupError, TypeError):
        raise CorruptData(f"a task's record in Redis is damaged: {shown(data)}") from None


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """The error of a failed attempt, as it is stored."""

    type: str
    message: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"

    @classmethod
    def cut(cls, type: str, message: str, traceback: str = "") -> ErrorInfo:
        """Return an error cut to its limits, as it is stored, logged and passed to hooks."""
        return cls(
            shorten(type, 200), shorten(message, MAX_MESSAGE), shorten(traceback, MAX_TRACEBACK)
        )

    def pack(self) -> bytes:
        """Return the stored form, cut to its limits."""
        kept = self.cut(self.type, self.message, self.traceback)
        parts = [kept.type, kept.message, kept.traceback]
        packed: bytes = msgpack.packb(parts, unicode_errors="surrogatepass")
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> ErrorInfo:
        """Decode the stored form; an invalid one becomes an error that says so."""
        try:
            if len(data) > MAX_ERROR_BYTES:
                raise ValueError("it is larger than any that is stored")
            kind, message, traceback, *_ = map(str, msgpack.unpackb(data, unicode_errors="replace"))
        except Exception:
            return cls("Unreadable", "the stored error cannot be read")
        return cls.cut(kind, message, traceback)
