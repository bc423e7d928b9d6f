"""What type checkers see of ``Task.map``. Nothing here exists at run time.

See edge_types.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any, Concatenate, Literal, Protocol, overload

    from .edge_types import Element, Mappable, MapResults, Nested
    from .labels import Label
    from .map_options import Failures
    from .task import Task
    from .task_edges import P2, R2, Exactly, X

    class MapMethod:
        """``Task.map``: a descriptor, since mypy solves no argument of ``self`` itself."""

        @overload
        def __get__(
            self, task: Exactly[Concatenate[X, P2], Coroutine[Any, Any, R2]], owner: object
        ) -> MapCall[X, P2, R2]: ...
        @overload
        def __get__(
            self, task: Exactly[Concatenate[X, P2], R2], owner: object
        ) -> MapCall[X, P2, R2]: ...
        def __get__(self, task: Any, owner: object) -> Any: ...

    class MapCall(Protocol[Element, P2, R2]):
        """A call of ``Task.map``. With ``flatten``, it takes elements of elements."""

        @overload
        def __call__(
            self,
            *,
            over: Task | tuple[Task, ...] | None = None,
            label: Label | None = None,
            max_active: int | None = None,
            failures: Failures = "stop",
            flatten: Literal[False] = False,
            name: str | None = None,
        ) -> Task[Concatenate[Mappable[Element], P2], MapResults[R2]]: ...
        @overload
        def __call__(
            self,
            *,
            over: Task | tuple[Task, ...] | None = None,
            label: Label | None = None,
            max_active: int | None = None,
            failures: Failures = "stop",
            flatten: Literal[True],
            name: str | None = None,
        ) -> Task[Concatenate[Nested[Element], P2], MapResults[R2]]: ...
