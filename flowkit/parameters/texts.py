"""Text and JSON for one type that is no union: what ``conversion`` tries for each member.

msgspec converts all that it has rules for: RFC 3339 times, ISO 8601 durations, decimals, and the
fields of dataclasses and their elements. The rules here are stricter, or are missing there:

- Text for ``int`` is digits, since ``1e3`` may be a name. Text never becomes a time by being a
  number of seconds, and never bytes by being base64.
- An enum member is given by its value, or else by its name. Its values may have any plain type.
- A duration may also be written as in settings: ``90s``, ``30m``, ``12h``, ``7d``.
- A field that a dataclass does not have is an error. msgspec would ignore it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, NoReturn, get_args, get_origin
from uuid import UUID

from ..basics.display_text import error_text
from ..basics.shorten import shorten
from ..basics.suggestions import unknown_name
from .annotations import class_of

_TEXTUAL = (date, datetime, time, Decimal, UUID)
_LAX = (bool, float, type(None))
_NO_WORDS = (bytes, bytearray, memoryview)  # msgspec would take base64 for them
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TO_THE_MINUTE = re.compile(r"((?:^|[Tt ])[0-9]{2}:[0-9]{2})(?=$|[Zz+-])")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_MISMATCH = re.compile(r"Expected `[^`]*`, got `[^`]*`")
_LONGEST_REASON = 300
_EXACT_DIGITS = 15  # a float keeps each decimal number of so many digits
# What msgspec says of text that people write, and what to say instead.
_CLEARER = {
    "Invalid ISO8601 duration": "write a number and s, m, h or d, or ISO 8601",
    "Invalid RFC3339 encoded time": "write hours and minutes",
    "Invalid RFC3339 encoded datetime": "write the date, hours and minutes",
}
_UNUSABLE = "no value from outside can be converted to it; pass the value from Python"


class Misfit(Exception):
    """A value from outside does not fit. Its text is the reason, or "" if there is none to tell."""


class RefusedJSON(Misfit):
    """JSON that is refused. To take it as text instead would give a different value."""


def text_to(member: Any, text: str) -> object:
    """Convert text to a type that is neither ``str`` nor a union. Raises Misfit."""
    if get_origin(member) is Literal:
        return _literal(text, get_args(member), lambda item: _text_as(type(item), text))
    return _text_as(member, text)


def _text_as(member: Any, text: str) -> object:
    if member is str:
        return text
    if member is type(None) and text == "None":
        return None
    if member is int:
        return _integer(text)
    if member in _LAX:
        return _by_msgspec(text, member, strict=False)
    kind = class_of(member)
    if kind is not None and issubclass(kind, PurePath | Enum | timedelta):
        return json_to(member, text)
    if member in _TEXTUAL or member in _NO_WORDS:
        return json_to(member, text)
    if kind is None or get_origin(member) is Literal:
        raise Misfit(_UNUSABLE)
    return json_to(member, read_json(text))


def json_to(member: Any, value: object) -> object:
    """Convert a value that JSON gave to a type that is no union. Raises Misfit."""
    if get_origin(member) is Literal:
        return _literal(value, get_args(member), lambda item: json_to(type(item), value))
    kind = class_of(member)
    if kind is None:
        raise Misfit(_UNUSABLE)
    if issubclass(kind, PurePath):
        return _path(kind, value)
    if issubclass(kind, Enum):
        return _member_of(kind, value)
    if kind in (datetime, time) and isinstance(value, str):
        value = _TO_THE_MINUTE.sub(r"\1:00", value)
    if kind is timedelta and isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        return _attempted(lambda: timedelta(seconds=float(match[1]) * _SECONDS[match[2]]))
    return _by_msgspec(value, member, strict=True)


def read_json(text: str) -> object:
    """Return what a JSON text contains. Raises Misfit."""
    try:
        return json.loads(
            text, parse_constant=_no_json, parse_int=_number, object_pairs_hook=_object
        )
    except RecursionError:
        raise RefusedJSON("it is nested too deeply") from None
    except ValueError:
        raise Misfit("it is not valid JSON") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in pairs:
        if key in result:
            raise RefusedJSON(f"{shorten(repr(key), _LONGEST_REASON)} is given twice")
        result[key] = value
    return result


def _no_json(word: str) -> NoReturn:
    raise ValueError(word)


def _number(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise RefusedJSON(
            f"an integer of {len(digits):,} digits is too long. Set "
            f"PYTHONINTMAXSTRDIGITS={len(digits)} in the environment to allow it"
        ) from None


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise Misfit
    return _number(text)


def _literal(value: object, allowed: tuple[Any, ...], convert: Callable[[Any], object]) -> object:
    """Return the first allowed value that ``value`` stands for. Enum members are allowed too."""
    for item in allowed:
        try:
            converted = convert(item)
        except Misfit:
            continue
        if type(converted) is type(item) and converted == item:
            return item
    raise Misfit


def _path(kind: type[PurePath], value: object) -> PurePath:
    if not isinstance(value, str) or not value:
        raise Misfit("" if value else "an empty path would be the working directory")
    return kind(value)


def _member_of(kind: type[Enum], value: object) -> Enum:
    """Return a member by its value, also if that is given as text, or else by its name."""
    for member in kind:
        if type(member.value) is type(value) and member.value == value:
            return member
    if isinstance(value, str):
        for member in kind:
            if not isinstance(member.value, str | Enum):
                try:
                    if _text_as(type(member.value), value) == member.value:
                        return member
                except Misfit:
                    continue
        if value in kind.__members__:
            return kind[value]
    names = ", ".join(str(member.value) for member in kind)
    raise Misfit(f"its values are {shorten(names, _LONGEST_REASON)}")


def _by_msgspec(value: object, member: Any, *, strict: bool) -> object:
    import msgspec

    def convert() -> object:
        return msgspec.convert(
            value, member, strict=strict, builtin_types=_NO_WORDS, dec_hook=_custom
        )

    converted = _attempted(convert)
    try:
        _refuse_lost(value, converted)
    except RecursionError:
        raise Misfit("it is nested too deeply") from None
    return converted


def _custom(kind: type, value: object) -> object:
    """Convert the types that msgspec does not know."""
    if not isinstance(kind, type):  # an alias, such as Iterable[int]
        raise Misfit(_UNUSABLE)
    if issubclass(kind, PurePath):
        return _path(kind, value)
    if isinstance(value, kind):
        return value
    raise Misfit(_UNUSABLE)


def _attempted(convert: Callable[[], object]) -> object:
    """Return what ``convert`` returns. Raises Misfit, whatever it raises."""
    import msgspec

    try:
        return convert()
    except Misfit:
        raise
    except RecursionError:
        raise Misfit("it is nested too deeply") from None
    except msgspec.ValidationError as error:
        raise Misfit(_reason(str(error))) from None
    except TypeError as error:  # an annotation that msgspec refuses
        raise Misfit(f"{_UNUSABLE} ({_reason(str(error))})") from None
    except Exception as error:  # by code of the user's class, for example
        raise Misfit(shorten(error_text(error), _LONGEST_REASON)) from None


def _reason(text: str) -> str:
    """Return an error of msgspec as the end of a sentence, "" if it repeats the annotation."""
    text = text.rstrip(".")
    if _MISMATCH.fullmatch(text):
        return ""
    text, at, place = text.partition(" - at ")
    text = _CLEARER.get(text, text) + at + place
    return shorten(text[:1].lower() + text[1:], _LONGEST_REASON)


def _refuse_lost(given: object, taken: object, path: str = "$") -> None:
    """Raise Misfit for keys that msgspec has ignored and digits that JSON may have lost.

    Both would be lost without a word.
    """
    if isinstance(given, float) and isinstance(taken, Decimal):
        if len(taken.as_tuple().digits) > _EXACT_DIGITS:
            place = "" if path == "$" else f" - at `{path}`"
            raise Misfit(f"a number of so many digits is rounded: write it as a string{place}")
    elif isinstance(given, dict):
        known = list(taken) if isinstance(taken, Mapping) else _fields_of(taken)
        # The keys of a dict may be converted, and are then as many as before.
        if not isinstance(taken, Mapping) or len(taken) < len(given):
            unknown = next((key for key in given if key not in known), None)
            if unknown is not None:
                place = shorten(path, _LONGEST_REASON)
                raise Misfit(f"{_unknown_field(unknown, known)} - at `{place}`")
        results = taken.values() if isinstance(taken, Mapping) else _attributes(taken, given)
        for key, result in zip(given, results, strict=False):
            _refuse_lost(given[key], result, f"{path}.{key}")
    elif isinstance(given, list) and isinstance(taken, list | tuple):
        for index, (value, result) in enumerate(zip(given, taken, strict=False)):
            _refuse_lost(value, result, f"{path}[{index}]")


def _unknown_field(name: object, known: Sequence[str]) -> str:
    """Return what to say of a field that does not exist."""
    shown = shorten(str(name), _LONGEST_REASON)
    return unknown_name("field", shown, list(known)).removesuffix(".")


def _fields_of(value: Any) -> list[str]:
    """Return the names by which the fields of an object are given."""
    if is_dataclass(value):
        return [field.name for field in fields(value)]
    attributes = getattr(value, "__attrs_attrs__", None)
    if attributes is not None:
        return [attribute.name for attribute in attributes]
    return list(getattr(value, "__struct_encode_fields__", ()))


def _attributes(value: object, names: Iterable[object]) -> list[object]:
    return [getattr(value, str(name), None) for name in names]
