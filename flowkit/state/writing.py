"""The writers of a store: one at a time, and batches that combine writes.

Rules:
- There is one writer at a time: a write, or a batch of writes, has exclusive access. Other threads
  of this process wait, with a timeout.
- The thread that opened a batch waits for a run that it starts in the batch. So the tasks and the
  recorder of the run take part in the batch; waiting for its end would be a deadlock.
- A write of such a task is saved at once, with everything in the batch so far: the start of an
  at-most-once task must be on disk before it happens.
- A child that is forked in a batch does not take part in it, and has its own locks.
- After the end of a batch, nothing is added to it: an abandoned task writes separately.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import TIMEOUT_MAX, Lock, RLock, get_ident

from ..basics.per_process import PerProcess
from ..exceptions import StateError
from .entries import Entry
from .file import Draft, StateFile
from .open_batches import open_batches, take_part

LEAST_WAIT_S = 30.0


class Writing:
    """Mutual exclusion of the writers of one store.

    ``file``: the file of the entries, None for only ``memory``. ``timeout``: seconds that a thread
    waits for its turn, at least 30.
    """

    def __init__(self, file: StateFile | None, memory: dict[str, Entry], timeout: float) -> None:
        self._file, self._memory = file, memory
        self._timeout = min(max(timeout, LEAST_WAIT_S), TIMEOUT_MAX)
        self._turn = PerProcess(RLock)
        self._draft: Draft | None = None
        self._owner = 0  # the thread that opened the draft
        self._step = PerProcess(Lock)  # held for each change of the draft and for its end

    def draft(self) -> Draft | None:
        """Return the current draft, if the calling code takes part in it."""
        draft = self._draft
        if draft is None or not draft.is_ours():
            return None
        if self._owner == get_ident() or any(batch is draft for batch in open_batches()):
            return draft
        return None

    @contextmanager
    def change(self) -> Iterator[Draft]:
        """Change the entries, separately or in the current batch. Raises StateError."""
        joined = self.draft()
        if joined is not None:
            with self._step.get():
                if self._draft is joined:
                    yield joined
                    if self._file is not None and joined.changed and self._owner != get_ident():
                        self._file.write(dict(joined.entries))
                        joined.changed = False
                    return
        with self._alone() as draft:
            yield draft

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Combine the changes of a ``with`` block. Raises StateError."""
        if self.draft() is not None:
            yield
            return
        with self._alone() as draft:
            take_part((*open_batches(), draft))
            try:
                yield
            finally:
                take_part(tuple(batch for batch in open_batches() if batch is not draft))

    def _open_draft(self) -> AbstractContextManager[Draft]:
        return nullcontext(Draft(self._memory)) if self._file is None else self._file.change()

    @contextmanager
    def _alone(self) -> Iterator[Draft]:
        turn = self._turn.get()
        if not turn.acquire(timeout=self._timeout):
            raise StateError(
                f"The state is locked: another thread of this process has been writing for "
                f"{self._timeout:g} s, or is in `with state.batch():`. If it waits there for this "
                "thread, end the batch first; to wait longer, set a longer lock_timeout."
            )
        try:
            with self._open_draft() as draft:
                self._draft, self._owner = draft, get_ident()
                try:
                    yield draft
                finally:
                    with self._step.get():
                        self._draft = None
        finally:
            turn.release()
