"""What an event says, read with care: its text may come from another release, or from anybody.

A fact is a kind and a text, ``RUN`` and what else the kind needs. A fact that cannot be read is
refused here, before anything is done about it, so that it harms no run.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..protocol.records import LETTERS
from .active import Active

OVER_KINDS = {letter: LETTERS[letter] for letter in "SFKC"}
_KINDS = frozenset({*OVER_KINDS, "W", "submit", "cancel", "resume"})


def read_fact(kind: str, text: str, active: Mapping[str, Active]) -> tuple[str, list[int]]:
    """Return the run that a fact is about, and the tasks that it says are over.

    Raises ValueError for a kind that does not exist, and for tasks that the run does not have.
    """
    if kind not in _KINDS:
        raise ValueError("there is no such kind of event")
    run, _, rest = text.partition(" ")
    if kind not in OVER_KINDS:
        return run, []
    tasks = [int(task) for task in rest.split(" ")]
    known = active.get(run)
    if known is not None and not (min(tasks) >= 0 and max(tasks) < len(known.dag.graph)):
        raise ValueError(f"run {run} has {len(known.dag.graph)} tasks, numbered from 0 on")
    return run, tasks
