"""Signatures of values: write access to Redis is not enough to make processes trust a value.

Clients and workers with a key sign results, cache entries and parameters, and accept only signed
ones. Rules:

- A signature covers the *purpose* of the bytes: a value that is valid in one place is invalid in
  another. Fields are written with their lengths, so that different purposes differ in bytes.
- Several keys are for rotation: the first one signs, all of them verify.
- A process without a key signs nothing and uses the bytes unchanged; `unpack` names the key when it
  gets a signed value. Signed values start with a byte that no packed value starts with.
- Missing bytes prove nothing: results of None and of skipped tasks are not stored.
- A memory (`flowkit.again`) counts with the number of times that its task came again.

    0xc1 | number of signatures | 16 bytes for each | the packed value

A value that is stored for two purposes (a result, and the cache entry of its call) has a signature
for each. Signatures are HMAC-SHA-256, cut to 16 bytes: many results are smaller than the 16 bytes
saved, and forging one still takes 2**127 attempts on average, each at a process with the key.

This module is pure: keys and bytes go in, bytes come out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from ..exceptions import UntrustedValue
from .limits import MAX_SIGNATURES

SIGNED = b"\xc1"  # the one byte that msgpack never writes
TAG_BYTES = 16
MIN_KEY_BYTES = 16

Purpose = Sequence[str]


def params_purpose(namespace: str, run: str, digest: str) -> Purpose:
    """Name the parameters of one run of one graph."""
    return ("params", namespace, run, digest)


def takes_purpose(namespace: str, digest: str) -> Purpose:
    """Name the run parameters that one graph takes."""
    return ("takes", namespace, digest)


def result_purpose(namespace: str, run: str, submitted: str, digest: str, task: int) -> Purpose:
    """Name the result of one task.

    Args:
        namespace: of the run.
        run: its id.
        submitted: when it was submitted (ms, as in Redis), since an id may be reused. A resume
            keeps the results, so it does not change this.
        digest: of its graph, which defines the task.
        task: its number.
    """
    return ("result", namespace, run, submitted, digest, str(task))


def elements_purpose(
    namespace: str, run: str, submitted: str, digest: str, task: int, block: str
) -> Purpose:
    """Name a block of the elements of a result that is mapped.

    ``block``: its number, and how many elements the result and a block have. The others are those
    of the result.
    """
    return ("elements", namespace, run, submitted, digest, str(task), block)


def cache_purpose(namespace: str, entry: str) -> Purpose:
    """Name one entry of the result cache."""
    return ("cache", namespace, entry)


def memory_purpose(
    namespace: str, life: tuple[str, str], digest: str, task: int, times: int
) -> Purpose:
    """Name what one task keeps when it comes again.

    ``life``: the run, and when it was submitted and how often it was resumed: a resume forgets the
    memory. ``times``: how often the task has come again, so that an earlier memory does not pass
    for a later one.
    """
    return ("memory", namespace, *life, digest, str(task), str(times))


def calls_purpose(namespace: str, run: str, submitted: str, digest: str, task: int) -> Purpose:
    """Name the list of runs that one task has called.

    It says whose results are the task's, so it must not be exchanged. The others are those of the
    result.
    """
    return ("calls", namespace, run, submitted, digest, str(task))


class Provenance:
    """Signs and verifies with the keys of this process; without keys, does nothing."""

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        """``keys``: each at least 16 bytes; the first one signs. Raises ValueError."""
        keys = tuple(keys)
        if any(len(key) < MIN_KEY_BYTES for key in keys):
            raise ValueError(f"a signing key must have at least {MIN_KEY_BYTES} bytes")
        # Copied for each signature, which spares hashing the key.
        self._keys = tuple(hmac.new(key, digestmod=hashlib.sha256) for key in keys)

    def __bool__(self) -> bool:
        """Whether this process has a key."""
        return bool(self._keys)

    def sign(self, packed: bytes, *purposes: Purpose) -> bytes:
        """Return packed bytes, signed for each purpose; unchanged without a key."""
        if not self._keys:
            return packed
        tags = [_tag(self._keys[0], purpose, packed) for purpose in purposes]
        return b"".join((SIGNED, bytes([len(tags)]), *tags, packed))

    def open(self, stored: bytes, purpose: Purpose, what: str) -> bytes:
        """Return the packed bytes of a stored value; unchanged without a key.

        Args:
            stored: bytes from Redis; b"" is never signed.
            purpose: what they must have been signed for.
            what: what errors call the value, e.g. "the result of task 3".

        Raises:
            UntrustedValue: there is a key, and no signature of it for this purpose.
        """
        if not self._keys:
            return stored
        if stored[:1] != SIGNED:
            raise UntrustedValue(
                f"{what} has no signature: a process without a signing key wrote it, or "
                "another program did. Give all clients and workers of this system the same "
                "FLOWKIT_SIGNING_KEY, and repeat runs from before"
            )
        count = stored[1] if len(stored) > 1 else 0
        start = 2 + count * TAG_BYTES
        if 0 < count <= MAX_SIGNATURES and len(stored) >= start:
            packed = stored[start:]
            tags = [stored[at : at + TAG_BYTES] for at in range(2, start, TAG_BYTES)]
            for key in self._keys:
                wanted = _tag(key, purpose, packed)
                if any(hmac.compare_digest(tag, wanted) for tag in tags):
                    return packed
        raise UntrustedValue(
            f"{what} has an invalid signature: it was changed, was signed for another place, or by "
            "a process with another FLOWKIT_SIGNING_KEY. If you have changed the key, give the old "
            "one after the new one: FLOWKIT_SIGNING_KEY='NEW OLD'. If not, find out who can write "
            "to this Redis"
        )


def is_signed(stored: bytes | memoryview) -> bool:
    """Return whether these bytes look signed."""
    return bytes(stored[:1]) == SIGNED and len(stored) >= 2 + TAG_BYTES


def without_signatures(stored: bytes) -> bytes:
    """Return the bytes of a stored value, which are not verified: for readers who have no key."""
    return stored[2 + stored[1] * TAG_BYTES :] if is_signed(stored) else stored


def _tag(key: hmac.HMAC, purpose: Purpose, packed: bytes) -> bytes:
    fields = "".join([f"{len(field)}:{field}," for field in purpose]) + ";"
    mac = key.copy()
    mac.update(fields.encode("utf-8", "surrogatepass"))
    mac.update(packed)
    return mac.digest()[:TAG_BYTES]
