"""Makes the documents of lines that tasks printed or logged."""

from __future__ import annotations

from ...basics.log_line import LogLine
from ..log_parts import LogPart
from .logs import LogLineDocument, LogPartDocument
from .stamps import utc


def line_document(run_id: str, line: LogLine) -> LogLineDocument:
    """Return one line."""
    return LogLineDocument(
        run_id=run_id,
        task=line.task,
        attempt=line.attempt,
        time=utc(line.time),
        level=line.level_name,
        stream=line.stream,
        text=line.text,
        number=line.number,
        missing=line.missing,
        label=line.label,
    )


def log_part_document(run_id: str, part: LogPart) -> LogPartDocument:
    """Return some lines."""
    items = [line_document(run_id, line) for line in part.lines]
    return LogPartDocument(run_id=run_id, items=items, cursor=part.cursor, more=part.more)
