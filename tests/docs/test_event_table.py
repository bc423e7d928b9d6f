"""The tables in docs/howto/logging.md, which are made from the vocabulary (flowkit/events).

Code creates events of the vocabulary. It spells no name of an event, so none is missing there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from pages import ROOT, table
from render_events import READ_MORE, all_events, foreign_rows

CODE = ("flowkit", "scheduler", "worker")
PAGE = ROOT / "docs" / "howto" / "logging.md"
# What writes an event, or passes one on to what does → which argument is its name.
WRITERS = {"event": 1, "_write": 1}
NAME = re.compile(r"[a-z]+(_[a-z]+)*")


def events(source: str) -> Iterator[str]:
    """Yield the name of each event that this module writes under a name of its own."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            writer = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            name = literal(dict(enumerate(node.args)).get(WRITERS.get(writer, -1)))
            if NAME.fullmatch(name):
                yield name
        elif isinstance(node, ast.Dict):  # an event made by hand, as extra= of a record
            for key, value in zip(node.keys, node.values, strict=True):
                if literal(key) == "event" and NAME.fullmatch(literal(value)):
                    yield literal(value)
        elif isinstance(node, ast.keyword) and node.arg == "event" and literal(node.value):
            yield literal(node.value)


def literal(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_event_is_one_of_the_vocabulary() -> None:
    paths = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    spelled = {path: set(events(path.read_text())) for path in paths}
    assert len(paths) > 200
    assert {path: names for path, names in spelled.items() if names} == {}


def test_the_tables_have_each_event_and_no_other() -> None:
    names = [row[0].strip("`") for row in table(PAGE, "Event")]
    assert names == [kind.event_name for kind in all_events()]
    assert set(READ_MORE) <= set(names)
    others = [row[0] for row in table(PAGE, "Other line")]
    assert others == [row[0] for row in foreign_rows()]


def test_the_fields_have_one_name_each() -> None:
    """The same thing is called the same everywhere; a new name has to be one more thing."""
    rows = [*table(PAGE, "Event"), *table(PAGE, "Other line")]
    fields = {field for row in rows for field in re.findall(r"`(\w+)`", row[2])}
    assert fields == {row[0].strip("`") for row in table(PAGE, "Field")}


def test_an_event_is_found_however_it_is_written() -> None:
    source = """
log.event(LogLevel.ERROR, "disk_full", f"Disk {name} is full", path=name)
record = make(extra={"event": "task_output", "task_name": "no_event"})
vars(record).update(event="task_log", fields={})
"""
    assert sorted(events(source)) == ["disk_full", "task_log", "task_output"]
