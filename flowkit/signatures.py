"""The type variables of ``Task``: ``P``, its function's parameters, and ``R``, its result.

A plain ``Task`` in an annotation is a task of any function, ``Task[..., Any]``: the defaults below
say so. ``typing`` has such defaults from Python 3.13 on only. typing_extensions has them for every
version, and type checkers know it without its being installed; nothing imports it at run time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import ParamSpec, TypeVar

    P = ParamSpec("P", default=...)
    R = TypeVar("R", default=Any, covariant=True)
else:
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R", covariant=True)
