"""``from_task``: the tasks that a resumed run runs again in addition to those that did not succeed.

It names tasks, while a run numbers them. An unknown name is refused before anything is changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..basics.suggestions import suggestion
from ..exceptions import TaskNotFoundError


def names_of(from_task: object, option: str = "from_task") -> list[str]:
    """Return the given names, each once; none for None. ``option``: their parameter.

    Raises TypeError, ValueError.
    """
    if from_task is None:
        return []
    names = [from_task] if isinstance(from_task, str) else from_task
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"{option} must be the name of a task, or a list of names, not {from_task!r}."
        )
    if not names:
        raise ValueError(f"{option} is empty. Omit it to rerun only what failed.")
    return list(dict.fromkeys(names))


def number_of(task: str, names: Sequence[str], whose: str) -> int:
    """Return the number of a task among ``names``.

    Raises TypeError if ``task`` is not a string, and TaskNotFoundError if ``whose``, the run or
    the DAG with these names, has no such task.
    """
    if not isinstance(task, str):
        raise TypeError(f"The name of a task must be a string, not {task!r}.")
    try:
        return names.index(task)
    except ValueError:
        raise TaskNotFoundError(
            f"{whose} has no task {task!r}. {suggestion(task, names)}"
        ) from None


def numbers_of(
    from_task: object, names: Sequence[str], whose: str, *, option: str = "from_task"
) -> list[int]:
    """Return the numbers of the tasks that ``from_task`` names. Raises what the other two raise."""
    return [number_of(name, names, whose) for name in names_of(from_task, option)]
