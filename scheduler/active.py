"""One active run as the scheduler keeps it in memory. All of it can be rebuilt from Redis."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.compiled import CompiledDAG
from ..core.run import Run
from ..protocol.keys import ready_list


@dataclass(slots=True)
class Active:
    """A run that is not over."""

    run: str
    dag: CompiledDAG
    state: Run
    places: list[tuple[str, str]]  # policy number → (ready list, level) of its tasks
    told: float = 0.0  # when progress was last published

    @classmethod
    def of(cls, run: str, dag: CompiledDAG, state: Run) -> Active:
        """Put a run together."""
        places = [
            (ready_list(policy.queue, is_async=policy.is_async), str(policy.priority))
            for policy in dag.policies
        ]
        return cls(run, dag, state, places)

    def place(self, task: int) -> tuple[str, str]:
        """Return the ready list and the level that a task is queued in."""
        return self.places[self.dag.policy_of[task]]
