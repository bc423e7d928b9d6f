"""Compares a JSON document with the dataclass that describes it, field by field.

``flowkit/client/documents`` is the schema. The output must have each field of it, with a value of
its type, and no other field.
"""

from __future__ import annotations

import dataclasses
import json
import pkgutil
import types
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from flowkit.client import documents
from flowkit.client.documents.document import Document


def all_documents() -> dict[str, type[Document]]:
    """Return each kind of document by its schema."""
    for module in pkgutil.iter_modules(documents.__path__, documents.__name__ + "."):
        import_module(module.name)
    return {kind.SCHEMA: kind for kind in _subclasses(Document) if hasattr(kind, "SCHEMA")}


def _subclasses(kind: type[Document]) -> Iterator[type[Document]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _subclasses(inner)


def valid_document(text: str, schema: str) -> dict[str, Any]:
    """Return the document in the output of a command. It must have this schema, and fit it."""
    document: dict[str, Any] = json.loads(text)
    assert document["schema"] == schema
    assert next(iter(document)) == "schema", "the schema comes first"
    kind = all_documents()[schema]
    assert list(misfits({k: v for k, v in document.items() if k != "schema"}, kind)) == []
    return document


def misfits(value: object, kind: Any, where: str = "document") -> Iterator[str]:
    """Yield what in a value does not fit a type."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from misfits(value, get_args(kind)[0], where)
    elif kind is object or kind is Any:
        return
    elif origin in (Union, types.UnionType):
        problems = [list(misfits(value, option, where)) for option in get_args(kind)]
        if all(problems):
            yield from problems[0]
    elif dataclasses.is_dataclass(kind):
        yield from _misfit_fields(value, kind, where)
    elif origin is list:
        yield from _misfit_items(value, get_args(kind)[0], where)
    elif origin is dict:
        yield from _misfit_values(value, get_args(kind)[1], where)
    elif not _is(value, kind):
        yield f"{where} is {value!r}, not {kind}"


def _is(value: object, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _misfit_fields(value: object, kind: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is no object: {value!r}"
        return
    hints = get_type_hints(kind, include_extras=True)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    if set(fields) != set(value):
        yield f"{where} has other fields: {set(fields) ^ set(value)}"
        return
    for name, hint in fields.items():
        yield from misfits(value[name], hint, f"{where}.{name}")


def _misfit_items(value: object, kind: Any, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where} is no list: {value!r}"
        return
    for at, item in enumerate(value):
        yield from misfits(item, kind, f"{where}[{at}]")


def _misfit_values(value: object, kind: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is no object: {value!r}"
        return
    for name, item in value.items():
        yield from misfits(item, kind, f"{where}[{name!r}]")
