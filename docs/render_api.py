"""Generates docs/api.md, the reference, from the imported modules. Its content: ``api_objects``.

Docstrings become Markdown: code spans, fenced blocks, and nothing that could be read as HTML.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from typing import Any, is_typeddict

from api_objects import Entry, entries, public_objects, type_text

import flowkit

HEAD = """\
# API reference

Made from the docstrings by `python docs/refresh.py`; a test says when it is stale. The
[how-to pages](README.md) show how the parts are used together.

"""


def api_page() -> str:
    """Return the whole page."""
    sections = public_objects()
    anchors = Anchors()
    anchors.add("API reference")
    body: list[str] = []
    links: dict[str, str] = {}
    for module, objects in sections.items():
        anchors.add(module)
        body += [f"## {module}", _intro(module)]
        for item in objects:
            links[item.__name__] = f"[`{item.__name__}`](#{anchors.add(item.__name__)})"
            body += _chapter(item)
    return HEAD + _index(sections, links) + "\n\n" + "\n\n".join(body) + "\n"


class Anchors:
    """The anchors that GitHub gives to headings: the second ``task`` is ``task-1``."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def add(self, heading: str) -> str:
        """Return the anchor of the next heading."""
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = self._seen.get(plain, 0)
        self._seen[plain] = count + 1
        return f"{plain}-{count}" if count else plain


def _index(sections: dict[str, list[Any]], links: dict[str, str]) -> str:
    """Return the table of the names that ``from flowkit import …`` gives."""
    lines = ["| From `flowkit` | What it is |", "| --- | --- |"]
    exported = set(flowkit.__all__)
    for objects in sections.values():
        for item in objects:
            if item.__name__ in exported:
                first = _first_sentence(entries(item)[0].about).replace("|", "\\|")
                lines.append(f"| {links[item.__name__]} | {first} |")
    lines.append("| `__version__` | The version of flowkit, as text. |")
    return "\n".join(lines)


def _first_sentence(about: str) -> str:
    paragraph = " ".join(about.partition("\n\n")[0].split())
    match = re.match(r".*?\.(?= [A-Z`]|$)", paragraph)
    return markdown(match[0] if match else paragraph)


def _intro(module: str) -> str:
    """Return the description of the module; for the exceptions, with their tree."""
    about = inspect.cleandoc(import_module(module).__doc__ or "")
    return markdown(about if module == "flowkit.exceptions" else about.partition("\n\n")[0])


def _chapter(one: Any) -> Iterator[str]:
    first, *members = entries(one)
    yield f"### {first.name}"
    if first.signature:
        yield f"```text\n{first.signature}\n```"
    yield markdown(first.about)
    fields = _fields(one) if inspect.isclass(one) else []
    if fields:
        yield "\n".join(fields)
    for entry in members:
        yield _paragraph(entry)


def _paragraph(entry: Entry) -> str:
    """Return a method or property: its signature as a heading, its docstring below."""
    if "(" not in entry.signature:
        return f"#### `{entry.name}: {entry.signature}`\n\n{markdown(entry.about)}"
    if "\n" not in entry.signature:
        return f"#### `{entry.signature}`\n\n{markdown(entry.about)}"
    return f"#### `{entry.name}`\n\n```text\n{entry.signature}\n```\n\n{markdown(entry.about)}"


def _fields(one: type) -> list[str]:
    """Return the fields of a record, the keys of options, or the members of an enumeration."""
    if issubclass(one, Enum):
        return _members(one)
    if is_typeddict(one):
        return [f"- `{key}: {type_text(kind)}`" for key, kind in _source_hints(one).items()]
    if not dataclasses.is_dataclass(one):
        return []
    return [f"- `{field.name}: {type_text(field.type)}`" for field in dataclasses.fields(one)]


def _members(one: type[Enum]) -> list[str]:
    """Return the members, each with the comment at the end of its line."""
    said = dict(re.findall(r"^    (\w+) = \S+  # (.+)$", inspect.getsource(one), re.MULTILINE))
    return [
        f"- `{member.name}` (`{member.value!r}`)"
        + (f": {markdown(said[member.name])}" if member.name in said else "")
        for member in one
    ]


def _source_hints(one: type) -> dict[str, Any]:
    """Return the annotations as the source has them; a TypedDict wraps its own."""
    return {
        key: getattr(kind, "__forward_arg__", kind) for key, kind in one.__annotations__.items()
    }


def markdown(about: str) -> str:
    """Turn a docstring into Markdown: code spans, fenced blocks, no HTML."""
    blocks = []
    for block in re.split(r"\n\n+", about):
        lines = block.split("\n")
        if all(line.startswith("    ") for line in lines):
            blocks.append("```text\n" + inspect.cleandoc("\n" + block) + "\n```")
        else:
            blocks.append(_spans(block))
    return "\n\n".join(blocks)


def _spans(text: str) -> str:
    parts = re.split(r"(``.+?``)", text, flags=re.DOTALL)
    parts[::2] = [part.replace("<", "&lt;").replace("*", "\\*") for part in parts[::2]]
    parts[1::2] = [f"`{part[2:-2]}`" for part in parts[1::2]]
    return "".join(parts)
