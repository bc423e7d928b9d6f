"""What edges, names, the registry and calls need of a task, so that ``Task`` can build on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any, ClassVar, Protocol
from weakref import ReferenceType

from ..core.retry import Policy


class TaskLike(Protocol):
    """A task by its structure; ``definition.task.Task`` is the only class of them."""

    _all_tasks: ClassVar[list[Any]]
    _by_ref: ClassVar[dict[str, Any]]
    _by_ref_and_name: ClassVar[dict[tuple[str, str], Any]]
    name: str
    ref: str
    func: Callable[..., Any]
    base: Any
    kwargs: Mapping[str, Any]
    upstream: list[Any]
    downstream: list[Any]
    _after: dict[Any, None] | None
    _before: dict[Any, None] | None
    _plan: Any
    _bound_names: Any
    _earlier_name: str | None
    _is_numbered: bool
    _is_listed: bool
    _in_dag: bool
    _is_mentioned: bool
    _definer: ReferenceType[CodeType] | None
    _place: int

    @property
    def map_options(self) -> Any:
        """How it is mapped, None if it is not."""
        ...

    @property
    def policy(self) -> Policy:
        """How the attempts are made."""
        ...

    @property
    def when(self) -> Callable[..., object] | None:
        """The predicate on the upstream results."""
        ...

    @property
    def retry_on(self) -> tuple[type[Exception], ...]:
        """The exceptions that are worth another attempt."""
        ...

    @property
    def timeout(self) -> float | None:
        """The limit of one attempt in seconds."""
        ...

    @property
    def copy_arguments(self) -> bool:
        """Whether each attempt gets copies of its arguments."""
        ...

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        ...

    @property
    def has_bound_tasks(self) -> bool:
        """Whether other tasks were bound from this one."""
        ...
