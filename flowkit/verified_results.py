"""Results as a client reads them: verified, if this process holds a signing key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .protocol.client_store import ClientStore
from .protocol.provenance import Provenance, result_purpose


def read_verified(
    store: ClientStore, provenance: Provenance, run: str, tasks: Sequence[int]
) -> Iterator[bytes | None]:
    """Yield the packed results of these tasks, None where there is none.

    Raises UntrustedValue for one that no process with this key has written, RunLost, RunNotFound.
    """
    found = store.read_results(run, tasks)
    if not provenance:
        yield from found
        return
    record = store.read_run(run)
    about = store.keys.namespace, run, str(record.submitted_ms), record.digest
    for task, stored in zip(tasks, found, strict=True):
        what = f"the result of task {task} of run {run}"
        yield provenance.open(stored, result_purpose(*about, task), what) if stored else stored
