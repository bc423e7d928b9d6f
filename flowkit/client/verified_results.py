"""Reading results in a client. They are verified if this process has a signing key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..codec.provenance import Provenance, result_purpose
from ..protocol.client_store import ClientStore


def read_verified(
    store: ClientStore, provenance: Provenance, run: str, tasks: Sequence[int]
) -> Iterator[bytes | None]:
    """Yield the packed results of these tasks, None where there is none.

    Raises UntrustedValue for a result that was not signed with this key, RunLost, RunNotFound.
    """
    results = store.read_results(run, tasks)
    if not provenance:
        yield from results
        return
    record = store.read_run(run)
    about = store.keys.namespace, run, str(record.submitted_ms), record.digest
    for task, stored in zip(tasks, results, strict=True):
        what = f"the result of task {task} of run {run}"
        yield provenance.open(stored, result_purpose(*about, task), what) if stored else stored
