"""Why items and tasks did not run, as a sentence: what failed upstream, with its label and error.

States are read level by level for all of them together, so it takes a round trip for each level
between an item and what failed, whatever the number of items, and two for labels and errors. A
failed item far above is not looked for: after ``MOST_LEVELS`` levels the sentence names nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.blocking import blocking, places_above
from ..core.compiled import CompiledDAG
from ..core.mapped_sequence import TASK_ABOVE_FAILED, UPSTREAM_FAILED, upstream_failure
from ..core.numbering import labelled
from ..core.run_edges import RunEdges
from ..core.states import TaskState
from .decoding import in_parts
from .records import ErrorInfo
from .store import Store

MOST_LEVELS = 100


def why_blocked(store: Store, run: str, dag: CompiledDAG, numbers: Sequence[int]) -> dict[int, str]:
    """Return, for each of these items and tasks, what failed above it. See ``Blocked.why``."""
    return Blocked(run, dag).why(store, numbers)


class Blocked:
    """Says why items and tasks of one run did not run, in parts of them.

    It remembers which item of a mapped task failed first, so this is searched for once.
    """

    def __init__(self, run: str, dag: CompiledDAG) -> None:
        self._run, self._dag = run, dag
        self._first_items: dict[int, int] = {}

    def why(self, store: Store, numbers: Sequence[int]) -> dict[int, str]:
        """Return, for each of these items and tasks, what failed above it.

        ``numbers``: those whose state is ``upstream_failed``, at most a few thousand. Raises
        CorruptData.
        """
        if not numbers:
            return {}
        run, dag = self._run, self._dag
        began = _Finder(store, run, dag, self._first_items).began(numbers)
        known = sorted({at for at in began.values() if at is not None})
        labels = store.read_labels(run, dag, known)
        errors = store.read_errors(run, known)
        texts = {
            at: upstream_failure(
                labelled(dag.task_name(at), label),
                str(ErrorInfo.unpack(error)) if error else "",
                is_item=at >= len(dag.graph),
            )
            for at, label, error in zip(known, labels, errors, strict=True)
        }
        return {
            number: self._not_found(number) if at is None else texts[at]
            for number, at in began.items()
        }

    def _not_found(self, number: int) -> str:
        return UPSTREAM_FAILED if number >= len(self._dag.graph) else TASK_ABOVE_FAILED


class _Finder:
    """Finds what began the failures of some items and tasks of one run."""

    def __init__(
        self, store: Store, run: str, dag: CompiledDAG, first_items: dict[int, int]
    ) -> None:
        """``first_items``: the first failed items of mapped tasks, which it adds to."""
        self._store, self._run, self._dag = store, run, dag
        self._edges = RunEdges(dag, {})
        self._states: dict[int, TaskState] = {}
        self._first_items = first_items

    def began(self, numbers: Iterable[int]) -> dict[int, int | None]:
        """Return what failed above each of these, None if it was not found."""
        places: dict[int, int | None] = {number: number for number in numbers}
        climbing = set(places)
        for _ in range(MOST_LEVELS):
            climbing = self._climb(places, climbing)
            if not climbing:
                break
        places.update(dict.fromkeys(climbing))
        return {
            number: None if at is None else self._first_item(at) for number, at in places.items()
        }

    def _climb(self, places: dict[int, int | None], climbing: set[int]) -> set[int]:
        """Go up one level from each place; return those that have not found a failure yet."""
        at_now = {number: at for number in climbing if (at := places[number]) is not None}
        self._read(above for at in set(at_now.values()) for above in self._above(at))
        still_climbing = set[int]()
        for number, at in at_now.items():
            found = blocking(self._edges, self._states.get, at)
            places[number] = found
            if found is not None and self._states[found] is not TaskState.FAILED:
                still_climbing.add(number)
        return still_climbing

    def _above(self, at: int) -> list[int]:
        items, tasks = places_above(self._edges, at)
        return [*items, *tasks]

    def _read(self, numbers: Iterable[int]) -> None:
        unknown = sorted(set(numbers) - self._states.keys())
        for part in in_parts(unknown):
            records = self._store.read_records(self._run, part)
            self._states.update(zip(part, (record.state for record in records), strict=True))

    def _first_item(self, number: int) -> int:
        """Return the first failed item of a mapped task that failed with one, else the number."""
        if number not in self._dag.maps:
            return number
        if number not in self._first_items:
            self._first_items[number] = self._find_item(number)
        return self._first_items[number]

    def _find_item(self, mapped: int) -> int:
        (record,) = self._store.read_records(self._run, [mapped])
        count = 0 if record.items is None else record.items.count
        numbers = self._dag.numbering.items(mapped, min(count, self._dag.numbering.most_items))
        part: Sequence[int]
        for part in in_parts(numbers):
            for number, item in zip(part, self._store.read_records(self._run, part), strict=True):
                if item.state is TaskState.FAILED:
                    return number
        return mapped
