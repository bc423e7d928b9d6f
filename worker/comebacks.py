"""Tasks that come again (``flowkit.again``): what an attempt gets from the one before it, and the
outcome of one that asks for another.
"""

from __future__ import annotations

from flowkit.basics.again import Again
from flowkit.codec.packing import pack, unpack
from flowkit.context import Comeback
from flowkit.core.retry import Policy
from flowkit.execution.again import why_not_again
from flowkit.protocol.memories import encode_memory
from flowkit.protocol.outcomes import Outcome, OutcomeCode
from flowkit.protocol.spent import Flag
from flowkit.protocol.worker_store import Claim

from .attempt_events import AttemptEvents
from .inputs import Inputs
from .outcome_values import ended, later_attempt


class Comebacks:
    """The memories of the tasks of one lane."""

    def __init__(self, inputs: Inputs, events: AttemptEvents, max_bytes: int) -> None:
        """``max_bytes``: of a packed memory."""
        self._inputs = inputs
        self._events = events
        self._max_bytes = max_bytes

    def read(self, claim: Claim) -> Comeback | None:
        """Return what the task has kept, None if it has not come again. One round trip if it has.

        Raises CorruptData, BrokenValue, UntrustedValue.
        """
        if Flag.AGAIN not in claim.spent.flags:
            return None
        times, stored = self._inputs.store.read_memory(claim.run, claim.task)
        packed = self._inputs.signed.open_memory(claim, times, stored)
        memory = unpack(packed, max_bytes=self._max_bytes) if packed else None
        return Comeback(times, memory)

    def outcome(
        self, claim: Claim, name: str, policy: Policy, before: Comeback | None, again: Again
    ) -> Outcome:
        """Return the outcome of an attempt that asks for another one.

        ``before``: what the attempt got, if its task had come again already. Raises AgainLimit or
        IllegalValue if the task must not come again, and what ``pack`` raises for its memory.
        """
        times = 0 if before is None else before.times
        refused = why_not_again(name, policy, again, times)
        if refused is not None:
            raise refused
        packed = b""
        if again.memory is not None:
            packed = pack(again.memory, max_bytes=self._max_bytes, root="memory")
        times += 1
        memory = encode_memory(times, self._inputs.signed.memory(claim, times, packed))
        dag = self._inputs.known(claim.digest)
        later = later_attempt(policy, again.delay, dag, claim.task)
        self._events.comes_again(claim, name, again.delay, times)
        return ended(claim, OutcomeCode.AGAIN, memory, later)
