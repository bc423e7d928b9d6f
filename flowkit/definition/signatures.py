"""The type variables of ``Task``: ``P``, its function's parameters, and ``R``, its result.

In an annotation, a plain ``Task`` is a task of any function, ``Task[..., Any]``, because of the
defaults below. ``typing`` supports such defaults only since Python 3.13. typing_extensions supports
them in every version, and type checkers know it even if it is not installed; nothing imports it at
run time.
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
