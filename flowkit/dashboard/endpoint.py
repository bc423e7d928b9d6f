"""What an endpoint of the API is: a path, its parameters, what it answers, and what does it.

The query of a request is text, and its body is JSON. ``read`` turns both into values of the
declared types, within the declared bounds, and refuses the rest with a sentence; an endpoint gets
nothing else. The OpenAPI document is made from the same declarations (``openapi.py``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..client.client import Client
from ..client.documents.document import Document
from .live.source import Source

MOST_TEXT = 1_000  # characters of one parameter
ROOT = "/api/v1"
MOST_BODY_TEXT = 100_000  # characters of one text of a body
MOST_NAMES = 10_000  # items of one field of a body
Kind = Literal["text", "number", "seconds", "flag", "texts"]
FieldKind = Literal["text", "number", "seconds", "flag", "texts", "text by name", "texts by name"]


class Busy(Exception):
    """As many of these answers are being made as may be at a time."""


class BadParameter(ValueError):
    """A parameter of a request that does not fit."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query.

    ``least``, ``most``: bounds of a number. ``choices``: the texts that are allowed, all if empty.
    ``required``: a request without it is refused.
    """

    name: str
    about: str
    kind: Kind = "text"
    default: object = None
    least: float = 0
    most: float = 1_000_000
    choices: tuple[str, ...] = ()
    required: bool = False

    def read(self, given: list[str]) -> object:
        """Return the value of what a request gives for it. Raises BadParameter."""
        if not given and self.required:
            about = self.about[0].lower() + self.about[1:].rstrip(".")
            raise BadParameter(f"the parameter {self.name!r} is missing: {about}")
        if not given:
            return self.default
        if any(len(text) > MOST_TEXT for text in given):
            raise self._misfit(f"at most {MOST_TEXT:,} characters")
        if self.kind == "texts":
            return given
        if len(given) > 1:
            raise self._misfit("given once")
        if self.kind == "flag":
            if given[0] not in ("true", "false"):
                raise self._misfit("true or false")
            return given[0] == "true"
        if self.kind in ("number", "seconds"):
            return self._number(given[0])
        if self.choices and given[0] not in self.choices:
            raise self._misfit("one of " + ", ".join(self.choices))
        return given[0]

    def _number(self, text: str) -> float:
        bounds = f"a number from {self.least:,} to {self.most:,}"
        if len(text) > 20 or not text.isascii():
            raise self._misfit(bounds)
        try:
            number = int(text) if self.kind == "number" else float(text)
        except ValueError:
            raise self._misfit(bounds) from None
        if not self.least <= number <= self.most:
            raise self._misfit(bounds)
        return number

    def _misfit(self, wanted: str) -> BadParameter:
        return BadParameter(f"the parameter {self.name!r} must be {wanted}")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the JSON object in the body of an action.

    ``kind``: "texts" is a list of texts, "text by name" an object whose values are texts, and
    "texts by name" one whose values are lists of texts. ``least``, ``most``: bounds of a number, or
    of the count of items; a text has at most ``most`` characters. ``choices``: the texts that are
    allowed, all if empty. ``required``: a body without it is refused. ``null`` is the same as not
    given.
    """

    name: str
    about: str
    kind: FieldKind = "text"
    default: object = None
    least: float = 0
    most: float = MOST_NAMES
    choices: tuple[str, ...] = ()
    required: bool = False

    def read(self, given: object) -> object:
        """Return the value of what a body gives for it, None for nothing. Raises BadParameter."""
        if given is None and self.required:
            about = self.about[0].lower() + self.about[1:].rstrip(".")
            raise BadParameter(f"the body lacks {self.name!r}: {about}")
        if given is None:
            return self.default
        if not self._fits(given):
            raise BadParameter(f"{self.name!r} in the body must be {self._wanted()}")
        return given

    def _fits(self, given: object) -> bool:
        if self.kind == "flag":
            return isinstance(given, bool)
        if self.kind in ("number", "seconds"):
            types = int if self.kind == "number" else (int, float)
            is_number = isinstance(given, types) and not isinstance(given, bool)
            return is_number and self._is_within(given)
        if self.kind == "text":
            return self._is_text(given) and self._is_within(len(str(given)))
        if self.kind == "texts":
            return (
                isinstance(given, list) and self._is_within(len(given)) and self._are_texts(given)
            )
        if not isinstance(given, dict) or not self._is_within(len(given)):
            return False
        fits = self._are_texts if self.kind == "texts by name" else self._is_text
        return all(_is_clean(name) and fits(value) for name, value in given.items())

    def _is_within(self, number: Any) -> bool:
        return bool(self.least <= number <= self.most)

    def _are_texts(self, given: object) -> bool:
        return isinstance(given, list) and all(self._is_text(text) for text in given)

    def _is_text(self, given: object) -> bool:
        return _is_clean(given) and (not self.choices or given in self.choices)

    def _wanted(self) -> str:
        bounds = f"{self.least:,} to {self.most:,}"
        one_of = "one of " + ", ".join(self.choices)
        if self.choices and self.kind == "text":
            return one_of
        wanted = {
            "text": f"a text of at most {self.most:,} characters",
            "flag": "true or false",
            "number": f"a whole number from {bounds}",
            "seconds": f"a number from {bounds}",
            "texts": f"a list of {bounds} texts",
            "text by name": f"an object of {bounds} texts by name",
            "texts by name": f"an object of {bounds} lists of texts by name",
        }[self.kind]
        return f"{wanted}, each {one_of}" if self.choices else wanted


def _is_clean(given: object) -> bool:
    """Return whether this is a text that any store takes: JSON can name half a surrogate pair."""
    if not isinstance(given, str) or len(given) > MOST_BODY_TEXT:
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in given)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was read. ``path``: the parts of its path.

    ``query`` and ``body`` have each declared parameter and field, with its default if it was not
    given.
    """

    client: Client
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """An answer that is saved as a file. ``name``: printable ASCII without quotes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the API. ``acts``: it changes something, so it needs the right to act.

    ``answer``: the kind of document that it answers with, or the media type of a ``FileAnswer``.
    ``file``: the name of the file that it answers with if the parameter ``download`` is true.
    ``body``: the fields of the JSON object that an action takes; without any, its body is empty.
    ``Asked.body`` has the values, checked, and the OpenAPI document has the same form:

        Endpoint(
            "/runs/{run}/retry", "Start tasks again at once.", Retry, _retry,
            method="POST", acts=True,
            body=(Field("tasks", "Their names, by default all that can be.", "texts"),),
        )
    """

    path: str
    about: str
    answer: type[Document] | str
    do: Callable[[Asked], Document | FileAnswer]
    parameters: tuple[Parameter, ...] = ()
    method: str = "GET"
    acts: bool = False
    file: str = ""
    body: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of the API: what it follows, and its parameters."""

    path: str
    about: str
    source: Callable[[Asked], Source]
    parameters: tuple[Parameter, ...] = ()


def read_query(parameters: Iterable[Parameter], given: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the values of all parameters. Raises BadParameter, also for one that is unknown."""
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise BadParameter(
                f"there is no parameter {name[:40]!r}; those that there are: {names}"
            )
    return {name: parameter.read(given.get(name, [])) for name, parameter in known.items()}


def read_body(fields: Iterable[Field], given: Mapping[str, object]) -> dict[str, Any]:
    """Return the values of all fields. Raises BadParameter, also for one that is unknown."""
    known = {field.name: field for field in fields}
    for name in given:
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise BadParameter(f"the body has {name[:40]!r}; the fields that it may have: {names}")
    return {name: field.read(given.get(name)) for name, field in known.items()}
