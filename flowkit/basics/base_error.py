"""The base class of flowkit's errors. Its public path is ``flowkit.exceptions``."""

from __future__ import annotations

from typing import Any

from .display_text import escape_lines


def _rebuild(kind: type[FlowkitError], args: tuple[Any, ...], fields: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(fields)
    return error


class FlowkitError(Exception):
    """The base class of all errors that flowkit raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return escape_lines(super().__str__())


FlowkitError.__module__ = "flowkit.exceptions"  # as it is shown and pickled
