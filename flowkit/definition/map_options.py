"""The options of ``Task.map``, checked at the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

from ..core.map_spec import MAX_ACTIVE
from .call_plan import plan_for
from .callables import is_async, is_generator
from .labels import Label, check_template
from .task_like import TaskLike

Failures = Literal["stop", "collect"]


class GivenMapOptions(TypedDict, total=False):
    """The options of ``Task.map``, as type checkers see them, but for ``flatten``."""

    over: TaskLike | tuple[TaskLike, ...] | None
    label: Label | None
    max_active: int | None
    failures: Failures
    name: str | None


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How a task is mapped. ``over``: the upstream tasks, () for the first one drawn.

    ``label_ref``: the reference of a label that is a function, "" for none. ``max_active``: 0 for
    no limit. ``collect``: items that fail do not fail the mapped task.
    """

    over: tuple[TaskLike, ...] = ()
    label: Label | None = None
    label_ref: str = ""
    max_active: int = 0
    collect: bool = False
    flatten: bool = False


def make_map_options(
    task: TaskLike, kind: type[TaskLike], given: Mapping[str, object]
) -> MapOptions:
    """Check the options of ``task.map``. Raises TypeError or ValueError naming task and option.

    ``kind``: the class of tasks. ``given``: all options but the name.
    """
    _refuse_map(task)
    what, flatten, failures = f"{task.name}.map", given["flatten"], given["failures"]
    if not isinstance(flatten, bool):
        raise TypeError(f"{what}: flatten must be True or False, not {flatten!r}.")
    if failures not in ("stop", "collect"):
        wrong = ValueError if isinstance(failures, str) else TypeError
        raise wrong(f"{what}: failures must be 'stop' or 'collect', not {failures!r}.")
    sources = _over(what, kind, given["over"])
    if flatten and len(sources) > 1:
        raise ValueError(
            f"{what}: flatten=True takes the lists of one upstream task, and over has "
            f"{len(sources)} tasks. Join them in another task, and map over its result."
        )
    return MapOptions(
        over=sources,
        label=_label(what, task, given["label"]),
        max_active=_max_active(what, given["max_active"]),
        collect=failures == "collect",
        flatten=flatten,
    )


def _over(what: str, kind: type[TaskLike], value: object) -> tuple[TaskLike, ...]:
    if value is None:
        return ()
    given = value if isinstance(value, tuple | list) else (value,)
    for source in given:
        if not isinstance(source, kind):
            raise TypeError(
                f"{what}: over must be an upstream task or a tuple of them, not {value!r}."
            )
    if not given:
        raise ValueError(f"{what}: over is empty. Omit it to map over the first upstream task.")
    names = [source.name for source in given]
    if len(set(given)) < len(given):
        twice = next(source.name for source in given if list(given).count(source) > 1)
        raise ValueError(f"{what}: over names the task {twice!r} twice: {names}.")
    return tuple(given)


def _max_active(what: str, value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what}: max_active must be a whole number or None, not {value!r}.")
    if not 1 <= value <= MAX_ACTIVE:
        raise ValueError(
            f"{what}: max_active must be from 1 to {MAX_ACTIVE:,}, or None for no limit, "
            f"not {value!r}."
        )
    return value


def _label(what: str, task: TaskLike, value: object) -> Label | None:
    if value is None:
        return None
    if isinstance(value, str):
        plan = plan_for(task)
        try:
            check_template(value, plan.positional, any_number=plan.takes_any_positional)
        except ValueError as error:
            raise ValueError(f"{what}: label {value!r} cannot be used: {error}.") from None
        return value
    if not callable(value) or not hasattr(value, "__qualname__") or isinstance(value, type):
        raise TypeError(
            f"{what}: label must be a format string such as '{{item}}', or a function of the item, "
            f"not {value!r}."
        )
    return _ordinary(what, value)


def _ordinary(what: str, func: Callable[..., object]) -> Callable[..., object]:
    if is_async(func) or is_generator(func):
        raise TypeError(f"{what}: label must be an ordinary function that returns a text.")
    return func


def refuse_bind(task: TaskLike) -> None:
    """Raise TypeError for a mapped task: it is the original one that is bound."""
    if task.map_options is not None:
        raise TypeError(
            f"{task.name} is mapped. Fix the arguments first, and then map: "
            f"{task.base.name}.bind(…).map(…)."
        )


def refuse_call(task: TaskLike) -> None:
    """Raise TypeError for a mapped task: only a run has items."""
    if task.map_options is not None:
        raise TypeError(
            f"{task.name} is mapped, and only a run calls it, once for each item. Call the "
            f"original task with one item: {task.base.name}(item)."
        )


def _refuse_map(task: TaskLike) -> None:
    if task.map_options is not None:
        raise TypeError(
            f"{task.name} is mapped already. To map over the results of its items, write "
            f"{task.name} >> other.map(), and other.map(flatten=True) over the elements of lists "
            "that they return."
        )
