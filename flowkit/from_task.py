"""``from_task``: the tasks that a resumed run makes again beside what did not succeed.

It names tasks; a run knows them by number. An unknown name is refused before anything is changed.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from .exceptions import TaskNotFoundError

# Among more names than this a likeness is not looked for: it would take seconds.
_MOST_COMPARED = 10_000


def names_of(from_task: object) -> list[str]:
    """Return the names given, each once; none for None. Raises TypeError, ValueError."""
    if from_task is None:
        return []
    names = [from_task] if isinstance(from_task, str) else from_task
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"from_task must be the name of a task, or a list of names, not {from_task!r}."
        )
    if not names:
        raise ValueError("from_task names no task. Leave it out to make again only what failed.")
    return list(dict.fromkeys(names))


def number_of(task: str, names: Sequence[str], whose: str) -> int:
    """Return the number of a task among ``names``.

    Raises TypeError for what is no name; and TaskNotFoundError, which says ``whose`` tasks they
    are, and which may have been meant.
    """
    if not isinstance(task, str):
        raise TypeError(f"A task is named by its name, a string, not by {task!r}.")
    try:
        return names.index(task)
    except ValueError:
        some = ", ".join(map(repr, names[:10])) + (", …" if len(names) > 10 else "")
        compared = names if len(names) <= _MOST_COMPARED else ()
        close = difflib.get_close_matches(task, compared, n=1)
        hint = f". Did you mean {close[0]!r}?" if close else ""
        raise TaskNotFoundError(
            f"{whose} has no task {task!r}; its tasks are {some}{hint}"
        ) from None


def numbers_of(from_task: object, names: Sequence[str], whose: str) -> list[int]:
    """Return the numbers of the tasks that ``from_task`` names. Raises as the other two do."""
    return [number_of(name, names, whose) for name in names_of(from_task)]
