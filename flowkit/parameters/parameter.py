"""Run parameters of DAGs and parameters of factories: what fits them, and how to say what does not.

A refusal has one form: who takes the parameter, its name, what it must be, the value, the reason if
the annotation alone does not tell it, and an example in the form in which the value was given.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from ..basics.display_text import escape_text
from ..basics.shorten import shorten
from ..exceptions import ParameterError
from .annotations import NOTHING, name_of
from .conversion import GivenJSON, GivenText, convert
from .examples import example_json, example_python, example_text
from .fitting import fits
from .signatures import Declared
from .texts import Misfit

_LONGEST_VALUE = 120
_MOST_TASKS_SHOWN = 5
# The type of text for a parameter without annotation, by the type of its default value.
_OF_DEFAULT: dict[type, Any] = {
    int: int | float,
    **{kind: kind for kind in (bool, float, str, date, datetime, time, timedelta, Decimal, UUID)},
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A run parameter of a DAG, or a parameter of a factory.

    ``annotation``: of the functions that take it; ``Any`` if there is none. ``required``:
    whether a run cannot start without it. ``defaults``: the default values of the functions that
    have one, by the name of the task or the factory. ``tasks``: the names of all that take it.
    ``doc``: the first line of its documentation, or "". ``problem``: why an annotation cannot be
    evaluated, or "".
    """

    name: str
    annotation: Any
    required: bool
    defaults: Mapping[str, Any]
    tasks: tuple[str, ...]
    doc: str = ""
    problem: str = ""

    @property
    def type_name(self) -> str:
        """The annotation as text, "" if there is none."""
        return "" if self.annotation is Any else name_of(self.annotation)

    @property
    def default_text(self) -> str:
        """The default value as Python writes it; several, with their tasks, if the tasks differ."""
        texts = {task: _shown(value) for task, value in self.defaults.items()}
        different = set(texts.values())
        if len(different) == 1:
            return different.pop()
        return ", ".join(f"{text} ({task})" for task, text in texts.items())

    def text(self) -> str:
        """Return the parameter as in a definition: ``day: date = …``."""
        typed = f": {self.type_name}" if self.type_name else ""
        return f"{self.name}{typed}" + ("" if self.required else " = …")

    def example(self) -> str:
        """Return how to give a value on the command line: ``-p day=2026-11-28``."""
        text = example_text(self.expected)
        shown = f"{self.name}=…" if text is None else shlex.quote(f"{self.name}={text}")
        return f"-p {shown}"

    def check(self, value: object, owner: str) -> None:
        """Raise ParameterError if a value from Python plainly does not fit.

        ``owner``: the DAG or the factory that takes the parameter, for the message.
        """
        if self.annotation is Any or fits(value, self.annotation):
            return
        if any(value is default for default in self.defaults.values()):
            return
        example = example_python(self.annotation)
        advice = "" if example is None else f" For example: params={{{self.name!r}: {example}}}."
        raise self._refusal(owner, value, "", advice)

    def convert(self, given: GivenText | GivenJSON, owner: str) -> object:
        """Return the value that was meant by a value from outside. Raises ParameterError."""
        if self.problem:
            raise ParameterError(self._unknown_annotation(owner), self.name, *self.tasks[:1])
        expected = self.expected
        if self.annotation is Any and isinstance(given, GivenJSON):
            expected = expected if isinstance(given.value, str) else Any
        try:
            return convert(given, expected)
        except Misfit as misfit:
            reason = str(misfit)
        if isinstance(given, GivenJSON):
            raise self._refusal(owner, given.value, reason, self._in_json(expected))
        raise self._refusal(owner, given.text, reason, self._on_command_line(expected))

    @property
    def expected(self) -> Any:
        """The type of a value from outside, Any if it must be guessed."""
        if self.annotation is not Any:
            return self.annotation
        kinds = {type(default) for default in self.defaults.values()}
        kind = kinds.pop() if len(kinds) == 1 else Any
        if isinstance(kind, type) and issubclass(kind, PurePath | Enum):
            return kind
        return _OF_DEFAULT.get(kind, Any)

    # -- sentences --------------------------------------------------------------------------

    def _refusal(self, owner: str, value: object, reason: str, advice: str) -> ParameterError:
        expected = self.expected
        if expected is Any:
            sentence = f"has no annotation, so it is unclear what {_shown(value)} means"
        else:
            origin = "" if self.annotation is not Any else self._by_default()
            sentence = f"must be {name_of(expected)}{origin}, not {_shown(value)}"
        reason = f": {escape_text(reason)}" if reason else ""
        return ParameterError(
            f"{owner}: parameter {self.name!r}{self._taken_by()} {sentence}{reason}.{advice}",
            self.name,
            *self.tasks[:1],
        )

    def _by_default(self) -> str:
        return f" (the type of its default {_shown(next(iter(self.defaults.values())))})"

    def _taken_by(self) -> str:
        """Return which tasks of a DAG take the parameter, "" for a factory."""
        if not self.tasks:
            return ""
        names = ", ".join(map(repr, self.tasks[:_MOST_TASKS_SHOWN]))
        more = ", …" if len(self.tasks) > _MOST_TASKS_SHOWN else ""
        return f" of task{'s' if len(self.tasks) > 1 else ''} {names}{more}"

    def _unknown_annotation(self, owner: str) -> str:
        return (
            f"{owner}: the annotation of parameter {self.name!r}{self._taken_by()} cannot be "
            f"evaluated, so nothing can be converted to it: {escape_text(self.problem)}. Define or "
            "import what it names at the top level of the module, not under `if TYPE_CHECKING:`."
        )

    def _on_command_line(self, expected: Any) -> str:
        if expected is Any:
            text = shlex.quote(f'{self.name}="text"')
            return f" Annotate it, or write JSON: -p {self.name}=5, -p {self.name}=true, -p {text}."
        return "" if example_json(expected) is NOTHING else f" For example: {self.example()}"

    def _in_json(self, expected: Any) -> str:
        example = example_json(expected)
        if example is NOTHING:
            return ""
        return f" For example: {json.dumps({self.name: example}, ensure_ascii=False)}"


def parameter_of(func_name: str, one: Declared) -> Parameter:
    """Return what a single function declares as a parameter of a factory."""
    return Parameter(
        name=one.name,
        annotation=one.accepted,
        required=one.default is NOTHING,
        defaults={} if one.default is NOTHING else {func_name: one.default},
        tasks=(),
        doc=one.doc,
        problem=one.problem,
    )


def _shown(value: object) -> str:
    """Return a value for a message: shortened, and without what controls a terminal."""
    if isinstance(value, str | bytes | list | tuple | dict | set) and len(value) > _LONGEST_VALUE:
        if isinstance(value, str | bytes):
            return f"{escape_text(repr(value[:_LONGEST_VALUE]))}… ({len(value):,} characters)"
        return f"a {type(value).__name__} of {len(value):,} elements"
    try:
        text = repr(value)
    except Exception:  # the class of the value is the user's
        text = f"a {type(value).__name__}"
    return escape_text(shorten(text, 2 * _LONGEST_VALUE))
