"""Tasks that come again (``flowkit.again``): what an attempt gets from the one before it, and the
outcome of one that asks for another.
"""

from __future__ import annotations

from dataclasses import replace

from flowkit.basics.again import Again
from flowkit.codec.packing import pack, unpack
from flowkit.context import Comeback
from flowkit.execution.again import why_not_again
from flowkit.protocol.memories import encode_memory
from flowkit.protocol.outcomes import Outcome, OutcomeCode
from flowkit.protocol.spent import Flag

from .attempt_events import AttemptEvents
from .inputs import Inputs
from .outcome_values import ended, later_attempt
from .prepared import Prepared


class Comebacks:
    """The memories of the tasks of one lane."""

    def __init__(self, inputs: Inputs, events: AttemptEvents, max_bytes: int) -> None:
        """``max_bytes``: of a packed memory."""
        self._inputs = inputs
        self._events = events
        self._max_bytes = max_bytes

    def given(self, prepared: Prepared) -> Prepared:
        """Add what the task has kept, if it has come again. One round trip if it has.

        Raises CorruptData, BrokenValue, UntrustedValue.
        """
        claim = prepared.claim
        if Flag.AGAIN not in claim.spent.flags:
            return prepared
        times, stored = self._inputs.store.read_memory(claim.run, claim.task)
        packed = self._inputs.signed.open_memory(claim, times, stored)
        memory = unpack(packed, max_bytes=self._max_bytes) if packed else None
        return replace(prepared, comeback=Comeback(times, memory))

    def outcome(self, prepared: Prepared, again: Again) -> Outcome:
        """Return the outcome of an attempt that asks for another one.

        Raises AgainLimit or IllegalValue if the task must not come again, and what ``pack`` raises
        for its memory.
        """
        claim, name, policy = prepared.claim, prepared.name, prepared.policy
        times = 0 if prepared.comeback is None else prepared.comeback.times
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
        self._events.comes_again(claim, prepared.log_name, again.delay, times)
        return ended(claim, OutcomeCode.AGAIN, memory, later)
