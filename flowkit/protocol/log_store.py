"""Writing what tasks printed: the calls of a worker's log collector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .decoding import text_of
from .store import Store


@dataclass(frozen=True, slots=True)
class NewChunk:
    """Consecutive lines of one attempt. ``first``: the number of the first one, from 1.

    ``generation``: of the log collector that numbers them; a worker starts another one when it has
    died.
    """

    task: int
    attempt: int
    first: int
    count: int
    data: bytes
    generation: int = 0

    @property
    def numbers(self) -> str:
        """The numbers of the lines, as an entry has them."""
        return f"{self.first},{self.count}" + (f",{self.generation}" if self.generation else "")


class LogStore(Store):
    """The calls of one log collector."""

    def append_logs(
        self,
        run: str,
        lane: str,
        call: int,
        chunks: Sequence[NewChunk],
        *,
        most_bytes: int,
        delete: Sequence[tuple[str, int]] = (),
    ) -> list[str] | None:
        """Store chunks of one run that attempts of one lane printed; return an id for each.

        The id is "" for a chunk that was refused, because the record of its task does not name this
        lane. ``call`` numbers the calls of a lane: a call that is repeated with its number stores
        nothing again, if no other was made for the run meanwhile. ``most_bytes``: of the logs of
        the run; the oldest chunks are dropped above it. ``delete``: ids of chunks and their bytes.
        Returns None if the run is gone.
        """
        args: list[object] = [run, lane, call, most_bytes, len(delete)]
        args += [f"{name},{size}" for name, size in delete]
        for chunk in chunks:
            args += (chunk.task, chunk.attempt, chunk.numbers, chunk.data)
        reply = self._script("append_logs", *args)
        if reply[0] == b"UNKNOWN":
            return None
        return ["" if name == b"-" else text_of(name) for name in reply[1:]]
