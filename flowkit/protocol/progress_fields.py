"""The progress of tasks as a worker stores it: a hash, ``run,task,attempt`` → a line.

The line is ``ms,lane,done,total,text``: when it was written, the lane of the attempt, and what its
function has reported; ``total`` is empty if it is unknown. It is what a user's code claims, so it
is only shown. A reader takes it only for the attempt and the lane that the task's record names.
"""

from __future__ import annotations

import re

from ..core.lanes import LANE
from ..core.task_progress import MAX_TEXT, TaskProgress, is_count
from .decoding import CorruptData, shown
from .limits import ATTEMPT_DIGITS, MAX_PROGRESS_BYTES, TASK_DIGITS, TIME_DIGITS

_COUNT = r"[0-9]{1,16}(?:\.[0-9]{1,20})?(?:e[+-]?[0-9]{1,3})?"
_LINE = re.compile(rf"([0-9]{{1,{TIME_DIGITS}}}),({LANE}),({_COUNT}),({_COUNT})?,(.*)", re.DOTALL)
ATTEMPT = re.compile(
    rf"[A-Za-z0-9_.:\-]{{1,128}},[0-9]{{1,{TASK_DIGITS}}},[0-9]{{1,{ATTEMPT_DIGITS}}}"
)


def progress_text(progress: TaskProgress) -> str:
    """Return the part of a line that a task's function determines: ``done,total,text``."""
    total = "" if progress.total is None else repr(progress.total)
    return f"{progress.done!r},{total},{progress.text[:MAX_TEXT]}"


def is_progress(text: str) -> bool:
    """Return whether a text is one that ``progress_text`` returns."""
    try:
        parse_progress(f"0,w.0,{text}".encode("utf-8", "replace"))
    except CorruptData:
        return False
    return True


def parse_progress(data: bytes) -> tuple[str, TaskProgress]:
    """Decode a line: the lane, and the progress. Raises CorruptData."""
    text = data.decode("utf-8", "replace") if len(data) <= MAX_PROGRESS_BYTES else ""
    fields = _LINE.fullmatch(text)
    if fields is not None:
        ms, lane, done, total, shown_text = fields.groups()
        counts = _count(done), _count(total) if total else None
        if is_count(counts[0]) and (counts[1] is None or is_count(counts[1])):
            return lane, TaskProgress(counts[0], counts[1], shown_text[:MAX_TEXT], int(ms) / 1000)
    raise CorruptData(f"the progress of a task in Redis is damaged: {shown(data)}")


def _count(text: str) -> float:
    return int(text) if text.isdigit() else float(text)
