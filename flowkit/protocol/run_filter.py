"""Which runs of the list of runs are wanted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..core.run_record import RunRecord
from ..core.states import RunState
from .decoding import CorruptData, text_of


class Cursor(NamedTuple):
    """A place in the list of runs: all before it are newer. ``submitted_ms`` of a run, and its id.

    Runs of the same millisecond are in the order of their ids, the last first.
    """

    submitted_ms: int
    run: bytes = b""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are wanted: those that fit all conditions.

    ``states``: in one of these states, () for any. ``dag``: of DAGs with this name. ``text``: whose
    id begins so, or whose DAG or submitter has it in its name, in upper or lower case.
    ``since_ms``: submitted since then. ``before``: behind this place in the list. ``children``:
    also runs that tasks have called. ``cancelling``: also runs that were told to cancel.
    """

    states: Collection[RunState] = ()
    dag: str | None = None
    text: str = ""
    since_ms: int | None = None
    before: Cursor | None = None
    children: bool = True
    cancelling: bool = True

    @property
    def is_search(self) -> bool:
        """Whether most runs may not fit, so that many are read at once."""
        return bool(self.states or self.text) or self.dag is not None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a run that decide."""
        wanted = {
            "state": bool(self.states),
            "dag": self.dag is not None or bool(self.text),
            "by": bool(self.text),
            "parent": not self.children,
            "stop": not self.cancelling,
        }
        return tuple(field for field, is_needed in wanted.items() if is_needed)

    def has_time(self, name: bytes, submitted_ms: int) -> bool:
        """Return whether a run of this time is wanted."""
        is_new = self.since_ms is None or submitted_ms >= self.since_ms
        return is_new and (self.before is None or (submitted_ms, name) < self.before)

    def fits(self, name: bytes, row: Sequence[bytes | CorruptData | None]) -> bool:
        """Return whether a run is wanted, or cannot be read. ``row``: its ``fields``."""
        if any(isinstance(value, CorruptData) for value in row):
            return True
        values = dict(zip(self.fields, row, strict=True))
        if self.states and values["state"] not in {state.value.encode() for state in self.states}:
            return False
        if self.dag is not None and values["dag"] != self.dag.encode("utf-8", "surrogatepass"):
            return False
        if not self.children and values["parent"]:
            return False
        if not self.cancelling and values["stop"] == RunState.CANCELLED.value.encode():
            return False
        return not self.text or self._has_text(name, values["dag"], values["by"])

    def fits_record(self, run: RunRecord) -> bool:
        """Return whether a run that was read is wanted."""
        name, dag = run.run.encode(), run.dag_name.encode("utf-8", "surrogatepass")
        parent = b"" if run.parent is None else run.parent.run.encode()
        values = {
            "state": run.state.value.encode(),
            "dag": dag,
            "by": run.by.encode("utf-8", "surrogatepass"),
            "parent": parent,
            "stop": None if run.stop is None else run.stop.value.encode(),
        }
        row = [values[field] for field in self.fields]
        return self.has_time(name, run.submitted_ms) and self.fits(name, row)

    def _has_text(self, name: bytes, *fields: bytes | CorruptData | None) -> bool:
        sought = self.text.casefold()
        if text_of(name).casefold().startswith(sought):
            return True
        return any(isinstance(f, bytes) and sought in text_of(f).casefold() for f in fields)
