"""Reading the parameters of a run, as they were given when it was submitted.

Redis may hold anything, so these are refused: with a signing key, what was not signed for this run
and its graph (UntrustedValue); what is too large, cannot be unpacked or is not a dict
(BrokenValue). ``lenient`` allows only classes and enums that this process does not know.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..codec.packing import BrokenValue, unpack
from ..codec.provenance import Provenance, is_signed, params_purpose
from ..core.run_record import RunRecord
from ..protocol.client_store import ClientStore


def read_params(
    store: ClientStore,
    run: RunRecord,
    provenance: Provenance,
    max_bytes: int,
    *,
    lenient: bool = False,
) -> Mapping[str, object]:
    """Return the parameters of a run, {} for none. See ``RunHandle.params``."""
    packed = open_params(store, run, store.read_params(run.run), provenance)
    params = unpack(packed, max_bytes=max_bytes, lenient=lenient) if packed else {}
    if not isinstance(params, dict):
        raise BrokenValue("they are not a dict")
    return params


def read_packed_params(
    store: ClientStore, run: RunRecord, provenance: Provenance, max_bytes: int
) -> bytes:
    """Return the packed parameters of a run, b"" for none.

    Raises UntrustedValue, and BrokenValue for more bytes than a run may have.
    """
    packed = open_params(store, run, store.read_params(run.run), provenance)
    if len(packed) > max_bytes or is_signed(packed):
        unpack(packed, max_bytes=max_bytes)  # raises, and says why
    return packed


def open_params(store: ClientStore, run: RunRecord, stored: bytes, provenance: Provenance) -> bytes:
    """Return the packed parameters of what is stored. Raises UntrustedValue."""
    purpose = params_purpose(store.keys.namespace, run.run, run.digest)
    return provenance.open(stored, purpose, "their record")
