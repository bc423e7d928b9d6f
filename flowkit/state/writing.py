"""Who writes to a store now, and the batches in which writes are put together.

Rules:
- One writer at a time: a write, or a batch of them, has the entries for itself. Other threads of
  this process wait for it, and after a while are told so instead of waiting for ever.
- A run that is started within a batch works for the one that has opened it, and that one does
  nothing else until the run is over. So the run's tasks and its recorder take part in the batch;
  whoever waited for its end would wait for itself.
- What a task of such a run writes is saved at once, with all that the batch has until then: a
  start that must not happen twice has to be on the disk before it happens.
- A child that is forked within a batch takes no part in it, and has locks of its own.
- Nothing is written for a batch that is over: a task that was given up writes for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import TIMEOUT_MAX, Lock, RLock, get_ident

from ..exceptions import StateError
from ..open_batches import open_batches, take_part
from ..per_process import PerProcess
from .entries import Entry
from .file import Draft, StateFile

LEAST_WAIT_S = 30.0


class Writing:
    """The turns of one store's writers.

    ``file``: where the entries are, None for ``memory`` alone. ``timeout``: seconds, at least 30,
    that a thread waits for its turn.
    """

    def __init__(self, file: StateFile | None, memory: dict[str, Entry], timeout: float) -> None:
        self._file, self._memory = file, memory
        self._timeout = min(max(timeout, LEAST_WAIT_S), TIMEOUT_MAX)
        self._turn = PerProcess(RLock)
        self._draft: Draft | None = None
        self._owner = 0  # the thread whose draft it is
        self._step = PerProcess(Lock)  # held for each change of the draft, and for its end

    def draft(self) -> Draft | None:
        """Return what is being written, if what runs here takes part in that."""
        draft = self._draft
        if draft is None or not draft.is_ours():
            return None
        if self._owner == get_ident() or any(batch is draft for batch in open_batches()):
            return draft
        return None

    @contextmanager
    def change(self) -> Iterator[Draft]:
        """Change the entries, alone or as a step of a batch. Raises StateError."""
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
        """Put the changes of a ``with`` block together. Raises StateError."""
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
                "thread, end the batch first; a longer lock_timeout waits longer."
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
