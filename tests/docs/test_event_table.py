"""The tables of events in docs/howto/logging.md have every event of the code, with its level.

The first table is made from the vocabulary (flowkit/events). The second is written by hand, for
events that are no part of a life cycle.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from pages import ROOT, table
from render_events import all_events

CODE = ("flowkit", "scheduler", "worker")
PAGE = ROOT / "docs" / "howto" / "logging.md"
# What writes an event, or passes one on to what does → which argument is its name.
WRITERS = {"event": 1, "_write": 1, "warn_once": 0, "warn_of_dag": 0}
LEVEL_OF = {"warn_once": "WARNING", "warn_of_dag": "WARNING"}
NAME = re.compile(r"[a-z]+(_[a-z]+)*")
OTHERS = {"log"}  # what JSON calls the records that other code writes

Found = dict[str, set[str]]


def events(source: str) -> Iterator[tuple[str, str]]:
    """Yield name and level of each event that this module writes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            writer = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            name = literal(dict(enumerate(node.args)).get(WRITERS.get(writer, -1)))
            if NAME.fullmatch(name):
                yield name, level(writer, node)
        elif isinstance(node, ast.Dict):  # an event made by hand, as extra= of a record
            for key, value in zip(node.keys, node.values, strict=True):
                if literal(key) == "event" and NAME.fullmatch(literal(value)):
                    yield literal(value), ""
        elif isinstance(node, ast.keyword) and node.arg == "event" and literal(node.value):
            yield literal(node.value), ""


def literal(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def level(writer: str, call: ast.Call) -> str:
    said = [
        arg.attr
        for arg in call.args
        if isinstance(arg, ast.Attribute) and ast.unparse(arg.value) == "LogLevel"
    ]
    return said[0] if said else LEVEL_OF.get(writer, "")


@pytest.fixture(scope="module")
def written() -> Found:
    found: Found = defaultdict(set)
    for folder in CODE:
        for path in (ROOT / folder).rglob("*.py"):
            for name, shown in events(path.read_text()):
                found[name] |= {shown} - {""}
    return found


def documented() -> Found:
    return {
        row[0].strip("`"): set(re.findall(r"[A-Z]{2,}", row[1]))
        for row in table(PAGE, "Other event")
    }


def test_every_event_of_the_code_is_in_the_table_and_no_other(written: Found) -> None:
    assert set(documented()) == set(written) | OTHERS


def test_an_event_of_the_vocabulary_is_spelled_there_alone(written: Found) -> None:
    vocabulary = {row[0].strip("`") for row in table(PAGE, "Event")}
    assert vocabulary == {kind.event_name for kind in all_events()}
    assert vocabulary.isdisjoint(written)


def test_the_levels_are_those_of_the_code(written: Found) -> None:
    shown = documented()
    wrong = {name: (shown.get(name), levels) for name, levels in written.items() if levels}
    assert {name: pair for name, pair in wrong.items() if pair[0] != pair[1]} == {}


def test_the_fields_have_one_name_each() -> None:
    """The same thing is called the same everywhere; a new name has to be one more thing."""
    rows = [*table(PAGE, "Event"), *table(PAGE, "Other event")]
    fields = {field for row in rows for field in re.findall(r"`(\w+)`", row[2])}
    described = {row[0].strip("`") for row in table(PAGE, "Field")}
    assert fields <= described


def test_an_event_is_found_however_it_is_written() -> None:
    source = """
log.event(LogLevel.ERROR, "disk_full", f"Disk {name} is full", path=name)
warn_once("tls_unchecked", "url", "Unchecked")
record = make(extra={"event": "task_output", "task_name": "no_event"})
vars(record).update(event="task_log", fields={})
"""
    assert sorted(events(source)) == [
        ("disk_full", "ERROR"),
        ("task_log", ""),
        ("task_output", ""),
        ("tls_unchecked", "WARNING"),
    ]
