"""What a function declares: its parameters with annotation, default and documentation.

Annotations that are text (``from __future__ import annotations``, forward references) are evaluated
in the module of the function, as ``typing.get_type_hints`` does, but one by one: one that cannot be
evaluated has a ``problem``, and the others are still known.

The documentation of a parameter is the first text in ``Annotated[date, "The day to load."]``, or
the line of the docstring that begins with its name, as Sphinx, Google and NumPy style write it.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Union, get_args, get_origin

from ..basics.display_text import error_text
from ..basics.shorten import shorten
from .annotations import NOTHING

_NO_TYPES = (int, float, complex, str, bytes, list, tuple, dict, set)
_LONGEST_DOC = 200
_LONGEST_PROBLEM = 300


@dataclass(frozen=True, slots=True)
class Declared:
    """A parameter of one function.

    ``annotation``, ``default``: NOTHING if there is none. ``problem``: why the annotation cannot be
    evaluated, "" if it can. ``doc``: the first line of its documentation, or "".
    """

    name: str
    annotation: Any
    default: Any
    problem: str
    doc: str

    @property
    def accepted(self) -> Any:
        """The annotation, Any if there is none. A default of None is accepted in any case."""
        if self.annotation is NOTHING:
            return Any
        return Union[self.annotation, None] if self.default is None else self.annotation  # noqa: UP007


def declared(func: Callable[..., Any]) -> dict[str, Declared]:
    """Return the parameters of ``func`` by name. A built-in without a signature has none."""
    try:
        parameters = inspect.signature(func).parameters
    except Exception:  # also what the code of a lazily evaluated annotation raises
        return {}
    space, docstring = _globals_of(func), inspect.getdoc(func) or ""
    result = {}
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        annotation, problem = _evaluated(parameter.annotation, space)
        doc = _doc_in(annotation) or _doc_of(name, docstring)
        result[name] = Declared(name, annotation, parameter.default, problem, doc)
    return result


def field_annotations(kind: type) -> Mapping[str, Any]:
    """Return the annotations of a class's fields. Those that cannot be evaluated are missing."""
    try:
        return typing.get_type_hints(kind)
    except Exception:
        return {}


def _evaluated(annotation: object, space: dict[str, Any]) -> tuple[Any, str]:
    """Return an annotation with its text evaluated, and why it could not be."""
    if annotation is NOTHING or type(annotation) is type:
        return annotation, ""
    holder: Any = SimpleNamespace(__annotations__={"it": annotation})
    try:
        result = typing.get_type_hints(holder, space, {}, include_extras=True)["it"]
        if isinstance(result, _NO_TYPES):
            raise TypeError(f"{result!r} is not a type")
        return result, ""
    except Exception as error:
        return NOTHING, shorten(f"{annotation!r}: {error_text(error)}", _LONGEST_PROBLEM)


def _globals_of(func: Any) -> dict[str, Any]:
    """Return the names of the module in which ``func`` was written."""
    try:
        while isinstance(func, functools.partial):
            func = func.func
        func = inspect.unwrap(func)
    except ValueError:  # wrappers that refer to each other
        return {}
    if not hasattr(func, "__globals__"):
        func = getattr(func, "__func__", None) or vars(type(func)).get("__call__")
    result: dict[str, Any] = getattr(func, "__globals__", {})
    return result


def _doc_in(annotation: object) -> str:
    if get_origin(annotation) is not typing.Annotated:
        return ""
    extras = get_args(annotation)[1:]
    texts = (getattr(extra, "documentation", extra) for extra in extras)
    return next((_first_line(text) for text in texts if isinstance(text, str)), "")


def _doc_of(name: str, docstring: str) -> str:
    """Return what a docstring says about a parameter: ``:param date day: …``, ``day: …``,
    ``day (date): …``, or ``day : date`` with the text in the next line.
    """
    lines = [*docstring.splitlines(), ""]
    for line, following in pairwise(lines):
        text = line.strip()
        title, colon, rest = text.removeprefix(":param ").partition(":")
        if not colon:
            continue
        if text.startswith(":param "):
            title = title.split()[-1] if title.strip() else ""
        if title.partition("(")[0].strip().strip("`*") == name:
            return _first_line(following if title.endswith(" ") else rest)
    return ""


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return shorten(lines[0].strip(), _LONGEST_DOC) if lines else ""
