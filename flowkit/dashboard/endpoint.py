"""What an endpoint of the API is: a path, its parameters, what it answers, and what does it.

Everything that a request says is text. ``read`` turns it into values of the declared types, within
the declared bounds, and refuses the rest with a sentence; an endpoint gets nothing else.
The OpenAPI document is made from the same declarations (``openapi.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..client.client import Client
from ..client.documents.document import Document
from .live.source import Source

MOST_TEXT = 1_000  # characters of one parameter
ROOT = "/api/v1"
Kind = Literal["text", "number", "seconds", "flag", "texts"]


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
class Asked:
    """A request that was read. ``path``: the parts of its path. ``body``: a JSON object."""

    client: Client
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the API. ``acts``: it changes something, so it needs the right to act.

    ``file``: the name of the file that it answers with if the parameter ``download`` is true.
    """

    path: str
    about: str
    answer: type[Document]
    do: Callable[[Asked], Document]
    parameters: tuple[Parameter, ...] = ()
    method: str = "GET"
    acts: bool = False
    file: str = ""


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
