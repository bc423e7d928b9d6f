"""An active run in the memory of the scheduler. All of it can be rebuilt from Redis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from flowkit.core.commands import Command
from flowkit.core.compiled import CompiledDAG
from flowkit.core.run import Run
from flowkit.core.states import RunState
from flowkit.core.triggers import AFTER_FAILURE
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.keys import ready_list
from flowkit.protocol.scheduler_store import StoredStates
from flowkit.protocol.spent import Flag, encode_flags


class Place(NamedTuple):
    """Where tasks are queued, and the flags in their records (see ``protocol.spent``)."""

    ready: str
    level: str
    flags: str


@dataclass(slots=True)
class Active:
    """A run that is not over."""

    run: str
    dag: CompiledDAG
    state: Run
    places: list[Place]  # by policy number
    progress_at: float = 0.0  # when progress was last published

    @classmethod
    def of(cls, run: str, dag: CompiledDAG, state: Run) -> Active:
        """Create an active run from its DAG and state."""
        places = [
            _place(
                policy.queue,
                policy.is_async,
                policy.priority,
                policy.trigger in AFTER_FAILURE,
                policy.at_most_once,
            )
            for policy in dag.policies
        ]
        return cls(run, dag, state, places)

    def restore(self, stored: StoredStates, stop: RunState | None) -> list[Command]:
        """Continue from what Redis has; return the commands. Raises CorruptData."""
        try:
            return self.state.restore(stored.states, stop, stored.lengths)
        except ValueError as error:  # a record of an item that does not exist
            raise CorruptData(f"the records of run {self.run} are damaged: {error}") from None

    def place(self, task: int) -> Place:
        """Return where a task or an item is queued."""
        return self.places[self.dag.policy_of[self.dag.numbering.node(task)]]

    def counts(self) -> str:
        """Return the number of tasks in each state, as text for status and progress."""
        return " ".join(f"{state}={number}" for state, number in self.state.counts().items())


@lru_cache(maxsize=1024)  # every run of a small DAG needs the same few
def _place(queue: str, is_async: bool, priority: int, continues: bool, at_most_once: bool) -> Place:
    ready = ready_list(queue, is_async=is_async)
    known = {Flag.CONTINUES: continues, Flag.AT_MOST_ONCE: at_most_once}
    flags = [flag for flag, is_set in known.items() if is_set]
    return Place(ready, str(priority), encode_flags(flags))
