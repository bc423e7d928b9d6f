"""Which parameters of a task get a ``Mapped`` instead of a list: those that are annotated so."""

from __future__ import annotations

import inspect
import re
from contextlib import suppress
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from ..core.mapped_sequence import Mapped
from .call_plan import plan_for
from .task_like import TaskLike

_TEXT = re.compile(r"(\w+\.)*Mapped(\[.*\])?(\s*\|\s*None)?")


def takes_mapped(task: TaskLike, at: int) -> bool:
    """Return whether the parameter that gets the upstream result number ``at`` is a ``Mapped``.

    ``Mapped``, ``Mapped[int]``, ``Mapped[int] | None`` and ``Annotated[Mapped[int], …]`` are. Of an
    annotation that cannot be resolved, as its names are only imported for type checkers, the text
    decides.
    """
    positional = plan_for(task).positional
    if at >= len(positional):
        return False
    function = inspect.unwrap(task.func)
    annotation = getattr(function, "__annotations__", {}).get(positional[at])
    if annotation is None or (isinstance(annotation, str) and "Mapped" not in annotation):
        return False
    alone = SimpleNamespace(__annotations__={"only": annotation})
    with suppress(Exception):  # a user's annotation may raise anything
        names = getattr(function, "__globals__", {})
        annotation = get_type_hints(alone, names, include_extras=True)["only"]
    if isinstance(annotation, str):
        return _TEXT.fullmatch(annotation) is not None
    return _is_mapped(annotation)


def _is_mapped(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Annotated or origin is Union or origin is UnionType:
        return any(_is_mapped(part) for part in get_args(annotation))
    return (origin or annotation) is Mapped
