"""The documents in docs/reference/json.md, generated from the dataclasses that commands print."""

from __future__ import annotations

import dataclasses
import inspect
import pkgutil
import types
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from flowkit.client import documents
from flowkit.client.documents.document import Document

_NAMES = {
    str: "text", int: "integer", float: "number", bool: "true or false", object: "any value",
    type(None): "null",
}  # fmt: skip


def json_sections() -> str:
    """Return one section for each document, and for the objects in it."""
    return "\n\n".join(_section(kind) for kind in _documents())


def json_table() -> str:
    """Return one row per document: its schema and what it holds."""
    rows = [f"| [`{kind.SCHEMA}`](#{_anchor(kind)}) | {_about(kind)} |" for kind in _documents()]
    return "\n".join(["| Schema | Content |", "| --- | --- |", *rows])


def _documents() -> list[type[Document]]:
    for module in pkgutil.iter_modules(documents.__path__, documents.__name__ + "."):
        import_module(module.name)
    kinds = [kind for kind in _subclasses(Document) if hasattr(kind, "SCHEMA")]
    return sorted(kinds, key=lambda kind: kind.SCHEMA)


def _subclasses(kind: type[Document]) -> Iterator[type[Document]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _subclasses(inner)


def _anchor(kind: type[Document]) -> str:
    return kind.SCHEMA.replace("/", "")


def _about(kind: Any) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())


def _section(kind: type[Document]) -> str:
    parts = [f"### {kind.SCHEMA}", _about(kind), _table(kind, own=True)]
    for inner in _objects_in(kind):
        parts += [f"`{inner.__name__}`: {_about(inner)}", _table(inner)]
    return "\n\n".join(parts)


def _fields(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _table(kind: Any, *, own: bool = False) -> str:
    rows = [f"| `schema` | text | `{kind.SCHEMA}` |"] if own else []
    for name, hint in _fields(kind).items():
        shown, about = get_args(hint)[:2]
        rows.append(f"| `{name}` | {_type(shown)} | {about} |")
    return "\n".join(["| Field | Type | Meaning |", "| --- | --- | --- |", *rows])


def _type(kind: Any) -> str:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return ", or ".join(_type(option) for option in get_args(kind))
    if origin is list:
        return f"list of {_type(get_args(kind)[0])}"
    if origin is dict:
        return f"object of {_type(get_args(kind)[1])}"
    return f"`{kind.__name__}`" if dataclasses.is_dataclass(kind) else _NAMES[kind]


def _objects_in(kind: Any) -> list[Any]:
    """Return the kinds of objects in a document, each once, in the order of its fields."""
    found: dict[Any, None] = {}
    for hint in _fields(kind).values():
        for inner in _leaves(hint):
            if dataclasses.is_dataclass(inner):
                found.update(dict.fromkeys([inner, *_objects_in(inner)]))
    return list(found)


def _leaves(hint: Any) -> Iterator[Any]:
    if get_origin(hint) is Annotated:
        yield from _leaves(get_args(hint)[0])
    elif get_args(hint):
        for inner in get_args(hint):
            yield from _leaves(inner)
    else:
        yield hint
