"""The error of a mapped task that cannot be mapped: what is wrong, and what to return."""

from __future__ import annotations

from collections.abc import Sequence

ERROR = "MapError"  # the type of the error of such a task


def unmappable(task: str, source: str, kind: str) -> str:
    """Return the error of a task over a value of type ``kind``. ``source``: a task or an item."""
    is_of = f"of type {kind}" if kind else "of an unknown type"
    return (
        f"Task {task!r} is mapped over the result of {source!r}, which is {is_of}. Return a list, "
        "tuple, range or dict."
    )


def different_lengths(task: str, sources: Sequence[tuple[str, int]]) -> str:
    """Return the error of a task over several lists, whose elements are taken together.

    ``sources``: the names of the upstream tasks, and how many elements each returned.
    """
    parts = [f"{count:,} of {name!r}" for name, count in sources]
    return (
        f"Task {task!r} takes the elements of several results together, and there are "
        f"{', '.join(parts[:-1])} and {parts[-1]}. Return results of the same length."
    )


def too_many(task: str, source: str, count: int, most: int) -> str:
    """Return the error of a task over more elements than there are numbers for.

    ``count``: the number of elements, or the largest that is counted.
    """
    return (
        f"Task {task!r} is mapped over the {count:,} or more elements of {source!r}, and it can "
        f"have {most:,} items in this DAG. Return fewer elements, for example lists of them."
    )
