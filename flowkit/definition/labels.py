"""Labels: what people see beside the index of an item, made from the item.

A label is a format string, such as ``"{item.name}"``, or a function of the item. A worker gets the
format string from Redis, so what such a string can do is bounded here, where it is read, and not
only where it is written. The rules:

1.  A field begins with the number of an argument, the name of a parameter, or ``item``, the element
    itself. After it come attributes and keys: ``{0}``, ``{path}``, ``{item.name}``, ``{item[id]}``.
2.  Nothing beginning with ``_`` is read, and nothing of functions, classes, modules, generators,
    frames or tracebacks. A field calls nothing but the properties and ``__format__`` of values.
3.  A format has no fields within it and no width above 999.
4.  A label is one line of at most 100 characters. It is for display only: if it cannot be made,
    there is none, and the item runs nevertheless.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from string import Formatter
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import NamedTuple

from ..basics.display_text import escape_text
from ..core.map_spec import MAX_LABEL

ITEM = "item"
LONGEST = 100  # characters that are shown
Label = str | Callable[..., object]

_FIELD = re.compile(r"(\d{1,3}|[^\W\d]\w*)((?:\.[^\W\d]\w*|\[[^\[\]]+\])*)")
_ACCESS = re.compile(r"\.(\w+)|\[([^\[\]]+)\]")
_FORMAT = re.compile(r"[^{}]{0,20}")
_WIDE = re.compile(r"\d{4}")
_OPAQUE = (
    *(type, ModuleType, FunctionType, MethodType, BuiltinFunctionType, CodeType, FrameType),
    *(TracebackType, GeneratorType, AsyncGeneratorType, CoroutineType),
)


class _Field(NamedTuple):
    """One part of a format string: literal text, then a value. ``first``: "" for no value."""

    text: str
    first: str = ""
    steps: str = ""
    conversion: str = ""
    format: str = ""


def check_template(template: str, names: Sequence[str], *, any_number: bool) -> None:
    """Raise ValueError for a format string that cannot be a label.

    ``names``: the positional parameters of the task. ``any_number``: whether it takes ``*args``.
    """
    if len(template) > MAX_LABEL:
        raise ValueError(f"it has {len(template):,} characters, of at most {MAX_LABEL:,}")
    for field in _fields(template):
        if field.first.isdigit():
            known = any_number or int(field.first) < len(names)
        else:
            known = field.first in ("", ITEM) or field.first in names
        if not known:
            available = ", ".join([f"{{{ITEM}}}", "{0}", *(f"{{{name}}}" for name in names)])
            raise ValueError(f"it has no value for {{{field.first}}}. Available: {available}")


def label_text(
    label: Label,
    names: Sequence[str],
    args: Sequence[object],
    items: Sequence[object],
    failed: Callable[[BaseException], None],
) -> str:
    """Return the label of an item, on one line; "" if it cannot be made.

    ``failed`` is called with the error then: the user's function may even raise SystemExit.
    ``names``: the positional parameters of its task. ``args``: the arguments for them. ``items``:
    those of them that are elements, for a function, and for ``{item}``.
    """
    try:
        text = str(label(*items)) if callable(label) else _filled(label, names, args, items)
    except BaseException as error:
        failed(error)
        return ""
    shown = escape_text(text[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _filled(
    template: str, names: Sequence[str], args: Sequence[object], items: Sequence[object]
) -> str:
    named = {ITEM: items[0]} | dict(zip(names, args, strict=False))
    parts = []
    for field in _fields(template):
        parts.append(field.text)
        if field.first:
            parts.append(_value(field, named, args))
    return "".join(parts)


def _value(field: _Field, named: Mapping[str, object], args: Sequence[object]) -> str:
    value = args[int(field.first)] if field.first.isdigit() else named[field.first]
    for attribute, key in _ACCESS.findall(field.steps):
        if isinstance(value, _OPAQUE):
            raise TypeError(f"a label does not read from a {type(value).__name__}")
        if attribute:
            value = getattr(value, attribute)
        else:
            value = value[int(key) if key.isdigit() else key]  # type: ignore[index]
    match field.conversion:
        case "r":
            value = repr(value)
        case "a":
            value = ascii(value)
        case "s":
            value = str(value)
    return format(value, field.format)


def _fields(template: str) -> Iterator[_Field]:
    """Yield the parts of a format string. Raises ValueError for one that a label may not have."""
    count = 0
    for text, field, spec, conversion in Formatter().parse(template):
        if field is None:
            yield _Field(text)
            continue
        if field == "":
            field, count = str(count), count + 1
        found = _FIELD.fullmatch(field)
        if found is None or re.search(r"\._|\[_", field) or field.startswith("_"):
            raise ValueError(
                f"{{{field}}} is not allowed. A field is the number of an argument, the name of a "
                "parameter or 'item', and then attributes and keys that do not begin with '_'"
            )
        is_short = _FORMAT.fullmatch(spec or "") is not None and _WIDE.search(spec or "") is None
        if (conversion or "s") not in "rsa" or not is_short:
            given = f"!{conversion}" if conversion else f":{spec}"
            raise ValueError(f"the format {given!r} is not allowed, or may make a very long text")
        yield _Field(text, found[1], found[2], conversion or "", spec or "")
