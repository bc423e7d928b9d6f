"""Signing and verifying of a worker's values, each for its purpose. Without a key it does nothing.

A result of None is not stored, so it is not signed. A None in the cache and a memory of None are
exceptions: they are signed, because otherwise any client could write an empty value that passes for
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowkit.codec.provenance import (
    Provenance,
    Purpose,
    cache_purpose,
    calls_purpose,
    elements_purpose,
    memory_purpose,
    params_purpose,
    result_purpose,
)
from flowkit.protocol.call_store import ChildEnd
from flowkit.protocol.items import Items
from flowkit.protocol.worker_store import Claim


class SignedValues:
    """The signatures of one lane's values. Not thread-safe."""

    def __init__(self, keys: Iterable[bytes] = (), namespace: str = "") -> None:
        """``namespace``: the namespace of the store that holds the values."""
        self._provenance = Provenance(keys)
        self._has_key = bool(self._provenance)
        self._namespace = namespace
        self._params: tuple[tuple[str, str, bytes], bytes] = (("", "", b""), b"")

    def params(self, claim: Claim) -> bytes:
        """Return a run's packed parameters. Raises UntrustedValue."""
        if not self._has_key:
            return claim.packed_params
        # Consecutive claims are mostly of one run, and have the same parameters.
        about = claim.run, claim.digest, claim.packed_params
        if self._params[0] != about:
            purpose = params_purpose(self._namespace, claim.run, claim.digest)
            what = f"the record of parameters of run {claim.run}"
            self._params = about, self._provenance.open(claim.packed_params, purpose, what)
        return self._params[1]

    def result(self, claim: Claim, packed: bytes, entry: str) -> bytes:
        """Return the bytes to store for a result, and for the cache entry if one is named."""
        if not self._has_key or not (packed or entry):
            return packed
        purposes = [self._result(claim, claim.task)]
        if entry:
            purposes.append(cache_purpose(self._namespace, entry))
        return self._provenance.sign(packed, *purposes)

    def open_results(self, claim: Claim, tasks: Sequence[int], records: list[bytes]) -> list[bytes]:
        """Return the packed results of tasks of the claim's run. Raises UntrustedValue."""
        if not self._has_key:
            return records
        return [
            self._provenance.open(stored, self._result(claim, task), _name(claim, task))
            if stored
            else stored
            for task, stored in zip(tasks, records, strict=True)
        ]

    def memory(self, claim: Claim, times: int, packed: bytes) -> bytes:
        """Return the bytes to store for the memory of the claimed task, also for None."""
        if not self._has_key:
            return packed
        return self._provenance.sign(packed, self._memory(claim, times))

    def open_memory(self, claim: Claim, times: int, stored: bytes) -> bytes:
        """Return the packed memory of the claimed task. Raises UntrustedValue."""
        if not self._has_key:
            return stored
        what = f"the memory of task {claim.task} of run {claim.run}"
        return self._provenance.open(stored, self._memory(claim, times), what)

    def blocks(self, claim: Claim, items: Items, blocks: Sequence[bytes]) -> Sequence[bytes]:
        """Return the bytes to store for the elements that the claimed task returned."""
        if not self._has_key:
            return blocks
        return [
            self._provenance.sign(block, self._elements(claim, claim.task, items, number))
            for number, block in enumerate(blocks)
        ]

    def open_block(
        self, claim: Claim, task: int, items: Items, number: int, stored: bytes
    ) -> bytes:
        """Return a block of the elements of a task of the claim's run. Raises UntrustedValue."""
        if not self._has_key:
            return stored
        what = f"block {number} of the elements of task {task} of run {claim.run}"
        return self._provenance.open(stored, self._elements(claim, task, items, number), what)

    def params_of_child(self, run: str, digest: str, packed: bytes) -> bytes:
        """Return the bytes to store for the parameters of a run that a task calls. Any thread."""
        return self._provenance.sign(packed, params_purpose(self._namespace, run, digest))

    def calls(self, claim: Claim, packed: bytes) -> bytes:
        """Return the bytes to store for the runs that the claimed task calls. Any thread."""
        return self._provenance.sign(packed, self._calls(claim))

    def open_calls(self, claim: Claim, stored: bytes) -> bytes:
        """Return the packed calls of the claimed task. Raises UntrustedValue."""
        what = f"the list of runs that task {claim.task} of run {claim.run} has called"
        return self._provenance.open(stored, self._calls(claim), what)

    def open_child_result(self, end: ChildEnd, task: int, stored: bytes) -> bytes:
        """Return the packed result of a task of a run that was called. Raises UntrustedValue."""
        if not self._has_key or not stored:
            return stored
        run = end.called.run
        purpose = result_purpose(self._namespace, run, end.submitted, end.digest, task)
        return self._provenance.open(stored, purpose, f"the result of task {task} of run {run}")

    def cached(self, entry: str, stored: bytes | None) -> bytes | None:
        """Return the packed result of a cache entry. Raises UntrustedValue."""
        if stored is None or not self._has_key:
            return stored
        return self._provenance.open(stored, cache_purpose(self._namespace, entry), "it")

    def _result(self, claim: Claim, task: int) -> Purpose:
        submitted = claim.life[1].partition("/")[0]  # a resume keeps the results
        return result_purpose(self._namespace, claim.run, submitted, claim.digest, task)

    def _calls(self, claim: Claim) -> Purpose:
        submitted = claim.life[1].partition("/")[0]  # a resume continues the calls
        return calls_purpose(self._namespace, claim.run, submitted, claim.digest, claim.task)

    def _memory(self, claim: Claim, times: int) -> Purpose:
        return memory_purpose(self._namespace, claim.life, claim.digest, claim.task, times)

    def _elements(self, claim: Claim, task: int, items: Items, number: int) -> Purpose:
        # How many elements there are is part of it, since it says which of them a block has.
        submitted, block = claim.life[1].partition("/")[0], f"{items.text}:{number}"
        return elements_purpose(self._namespace, claim.run, submitted, claim.digest, task, block)


def _name(claim: Claim, task: int) -> str:
    return f"the result of task {task} of run {claim.run}"
