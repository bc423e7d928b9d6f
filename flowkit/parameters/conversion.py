"""Converting values from outside to the annotation of their parameter.

The members of a union are tried in the order in which they are written, with three exceptions. If
``str`` is one of them, text stays text. ``bool`` comes after the numbers, since ``1`` and ``0``
could be either, and paths come last, since every text is one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from .annotations import class_of, is_any, members
from .texts import Misfit, RefusedJSON, json_to, read_json, text_to

_WORDS = {"true": "true", "false": "false", "none": "null", "null": "null"}


@dataclass(frozen=True, slots=True)
class GivenText:
    """Text for a parameter. ``is_json``: from a JSON file. ``is_literal``: never JSON."""

    text: str
    is_json: bool = False
    is_literal: bool = False


@dataclass(frozen=True, slots=True)
class GivenJSON:
    """A value from a JSON document."""

    value: object


def convert(given: GivenText | GivenJSON, annotation: object) -> object:
    """Return the value that was meant. ``annotation``: Any or NOTHING if there is none.

    Raises Misfit.
    """
    if isinstance(given, GivenJSON):
        return from_json(given.value, annotation)
    options = members(annotation)
    if str in options:
        return given.text
    if any(map(is_any, options)):
        return _guess(given)
    text = given.text.removesuffix("\n").removesuffix("\r")  # of a file
    if given.is_json:
        return from_json(read_json(given.text), annotation)
    return _first(options, lambda member: text_to(member, text))


def from_json(value: object, annotation: object) -> object:
    """Convert a value that JSON gave. Raises Misfit."""
    options = members(annotation)
    if any(map(is_any, options)):
        return value
    if type(value) in options:  # 5 for `float | int`
        return value
    return _first(options, lambda member: json_to(member, value))


def _first(options: Sequence[Any], attempt: Callable[[Any], object]) -> object:
    reasons = []
    for member in sorted(options, key=_rank):
        try:
            return attempt(member)
        except Misfit as misfit:
            reasons.append(str(misfit))
    messages = [reason for reason in reasons if reason]
    raise Misfit(messages[0] if len(messages) == 1 else "")


def _rank(member: Any) -> int:
    kind = class_of(member)
    return 2 if kind is not None and issubclass(kind, PurePath) else int(member is bool)


def _guess(given: GivenText) -> object:
    """Read JSON if it would be written in the same way, and otherwise return the text.

    ``1.10`` and ``1e3`` may be numbers or names, and ``False`` is no JSON but hardly meant as text.
    """
    if given.is_literal:
        return given.text
    text = given.text.strip(" \t\r\n")  # what JSON allows around a value
    if given.is_json:
        return read_json(text)
    try:
        value = read_json(text)
    except RefusedJSON:  # text would be a different value
        raise
    except Misfit:
        if text.lower() in _WORDS:
            raise Misfit(_ambiguous(text, _WORDS[text.lower()])) from None
        return given.text
    written = json.dumps(value)
    if isinstance(value, int | float) and written != text:
        raise Misfit(_ambiguous(text, written))
    return value


def _ambiguous(text: str, value: str) -> str:
    return f"it may be the text {json.dumps(text)} or the value {value}"
