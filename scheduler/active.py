"""One active run as the scheduler keeps it in memory. All of it can be rebuilt from Redis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..core.compiled import CompiledDAG
from ..core.run import Run
from ..core.triggers import GOES_ON
from ..protocol.keys import ready_list


class Place(NamedTuple):
    """Where tasks are queued, and the flags that their records get (see protocol.records)."""

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
    told: float = 0.0  # when progress was last published

    @classmethod
    def of(cls, run: str, dag: CompiledDAG, state: Run) -> Active:
        """Put a run together."""
        places = [
            Place(
                ready_list(policy.queue, is_async=policy.is_async),
                str(policy.priority),
                ("+" if policy.trigger in GOES_ON else "") + ("=" if policy.at_most_once else ""),
            )
            for policy in dag.policies
        ]
        return cls(run, dag, state, places)

    def place(self, task: int) -> Place:
        """Return where a task is queued."""
        return self.places[self.dag.policy_of[task]]
