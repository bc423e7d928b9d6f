"""The table of causes in docs/howto/why.md, generated from the rows of the code."""

from __future__ import annotations

from flowkit.core.causes import ROWS


def cause_table() -> str:
    """Return one row per cause, the one with the highest rank first."""
    head = "| Cause | When | Waits for | What changes it | What helps |"
    rows = [
        f"| `{row.kind.value}` | {row.when} | {row.by.value} | {row.next} | {_code(row.command)} |"
        for row in ROWS
    ]
    return "\n".join([head, "| --- | --- | --- | --- | --- |", *rows])


def _code(command: str) -> str:
    for name in ("run", "task", "queue", "version"):
        command = command.replace("{" + name + "}", name.upper())
    return f"`{command}`" if command else ""
