"""The results for people and for programs: tables, JSON, and the table of settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from .. import report
from .catalogue import PEERS
from .figures import METRICS, Row, times_flowkit

HEAD = ("what", "with", "size", "median", "min–max", "unit", "× flowkit")
NUMBERS = ("size", "median", "× flowkit")
SETTINGS_HEAD = ("peer", "version", "settings", "fan-in")
NONE = "–"


def as_json(rows: Sequence[Row], around: Mapping[str, object]) -> str:
    """Return everything, including each value."""
    listed = [
        {
            "figure": row.key,
            "peer": row.peer,
            "size": row.size or None,
            "unit": row.metric.unit,
            "more_is_better": row.metric.more_is_better,
            "median": None if row.median is None else round(row.median, 4),
            "values": [round(value, 4) for value in row.values],
            "times_flowkit": times_flowkit(row, rows),
            "reason": row.reason or None,
        }
        for row in rows
    ]
    return json.dumps({"around": dict(around), "figures": listed}, indent=2)


def as_table(rows: Sequence[Row], around: Mapping[str, object]) -> str:
    """Return the overview of the medians, then every figure with its spread and ratio."""
    keys = [key for key in METRICS if METRICS[key].short and any(row.key == key for row in rows)]
    peers = list(dict.fromkeys(row.peer for row in rows))
    head = ("with", *(_column(key) for key in keys))
    medians = {(row.peer, row.key): _median(row) for row in rows}
    lines = [(_title(peer), *(medians.get((peer, key), NONE) for key in keys)) for peer in peers]
    overview = report.markdown(head, lines, head[1:], around)
    listed = report.markdown(HEAD, [_line(row, rows) for row in rows], NUMBERS, {})
    return f"{overview}\n\n{listed}"


def settings(peers: Sequence[str]) -> str:
    """Return the settings of each peer, as a table."""
    lines = [
        (PEERS[name].title, PEERS[name].version or NONE, PEERS[name].settings, PEERS[name].fan_in)
        for name in peers
    ]
    return report.markdown(SETTINGS_HEAD, lines, (), {})


def _line(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    times = times_flowkit(row, rows)
    return (
        row.metric.label,
        _title(row.peer),
        f"{row.size:,}" if row.size else "",
        _median(row),
        report.spread(row.values) if row.values else _cell(row.reason),
        f"{row.metric.unit} {_arrow(row.key)}",
        "" if times is None else report.number(times),
    )


def _median(row: Row) -> str:
    return NONE if row.median is None else report.number(row.median)


def _column(key: str) -> str:
    metric = METRICS[key]
    return f"{metric.short}, {metric.unit} {_arrow(key)}"


def _arrow(key: str) -> str:
    return "↑" if METRICS[key].more_is_better else "↓"


def _title(peer: str) -> str:
    return f"**{PEERS[peer].title}**" if peer == "flowkit" else PEERS[peer].title


def _cell(text: str) -> str:
    """Return text that does not end a cell of a Markdown table."""
    return text.replace("|", "/")
