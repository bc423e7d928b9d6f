"""The scheduler's calls about runs that tasks have called: their parents, and their ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import NamedTuple

from .calls import Calls, OpenCalls
from .decoding import CorruptData, in_parts, is_run_id, run_id, task_number, text_of
from .fact_store import FactStore
from .family_reads import CalledBy, scan_children

CHILDREN_PART = 500  # runs in one call


class WaitingTask(NamedTuple):
    """A task that waits for runs which it has called."""

    run: str
    task: int

    @property
    def entry(self) -> str:
        """Its entry in ``parents``."""
        return f"{self.run},{self.task}"


class WaitingPart(NamedTuple):
    """A part of the tasks that wait. ``cursor``: of the next part, '0' at the end. ``damaged``:
    entries that name no task."""

    cursor: str
    tasks: list[WaitingTask]
    damaged: list[bytes]


class ParentStore(FactStore):
    """Parents and children of one namespace."""

    def called_runs(self, run: str, task: int) -> list[str]:
        """Return the runs that a task has called last. Two round trips. Raises CorruptData."""
        return [called.run for called in self._calls(run, task)[1].runs]

    def is_running(self, run: str) -> bool:
        """Return whether a run exists and is not over."""
        (state,) = self.link.batch_each([("HGET", self.keys.run(run), "state")])
        return bool(state == b"running")

    def all_called_runs(self, run: str) -> Iterator[list[str]]:
        """Yield the runs that all tasks of a run have called, in parts; some may be there twice.

        Raises Oversized.
        """
        called = (found for found in scan_children(self, run) if isinstance(found, CalledBy))
        return _parts_of_children(chain.from_iterable(found.runs_called for found in called))

    def open_runs(self, run: str) -> Iterator[list[str]]:
        """Yield the runs that tasks still wait for, in parts, with those beside them.

        Raises Oversized.
        """
        found = scan_children(self, run)
        waiting = dict(item for item in found if not isinstance(item, CalledBy) and item[1].open)
        if not waiting:
            return iter(())
        attempts = {(task, calls.attempt) for task, calls in waiting.items()}
        called = (found for found in scan_children(self, run) if isinstance(found, CalledBy))
        runs = (found.runs_called for found in called if (found.task, found.attempt) in attempts)
        return _parts_of_children(chain.from_iterable(runs))

    def cancel_children(self, run: str, runs: Sequence[str]) -> None:
        """Request that runs which tasks of a run have called stop, if these tasks are to end.

        A round trip per 500.
        """
        by = f"its parent {run}"
        for at in range(0, len(runs), CHILDREN_PART):
            self._fenced("cancel_children", run, by, *runs[at : at + CHILDREN_PART])

    def expire_children(self, runs: Sequence[str]) -> int:
        """Start the TTL of those of these child runs whose parent is over; return of how many."""
        started: int = self._fenced("expire_children", *runs)[1]
        return started

    def expire_orphans(self, runs: Sequence[bytes]) -> int:
        """Start the TTL of those of these listed runs that are held although their parent is over
        or gone; return of how many.

        A round trip per 500. The script looks for the mark, which may be of any size.
        """
        names = (name for name in map(text_of, runs) if is_run_id(name))
        return sum(map(self.expire_children, _parts_of_children(names)))

    def waiting_tasks(self, cursor: str, count: int) -> WaitingPart:
        """Return some of the tasks that wait for runs."""
        after, entries = self.link.call("SSCAN", self.keys.parents(), cursor, "COUNT", count)
        tasks: list[WaitingTask] = []
        damaged: list[bytes] = []
        for entry in entries:
            run, _, task = entry.partition(b",")
            try:
                tasks.append(WaitingTask(run_id(run), task_number(task)))
            except CorruptData:
                damaged.append(entry)
        return WaitingPart(
            text_of(after) if isinstance(after, bytes) else str(after), tasks, damaged
        )

    def prune_parents(self, entries: Sequence[bytes | str]) -> int:
        """Remove those of these entries whose tasks do not wait for runs; return how many."""
        return sum(self._fenced("prune_parents", *part)[1] for part in in_parts(entries))

    def recount_calls(self, waiting: WaitingTask) -> bool:
        """Wake a task if all runs that it waits for are over or gone; return whether it was woken.

        Three round trips. Raises CorruptData.
        """
        state, calls = self._calls(*waiting)
        runs = [called.run for called in calls.runs]
        place = state.attempt, state.ready_list, state.level
        return bool(self._fenced("recount_calls", *waiting, *place, *runs)[1] == b"1")

    def called_last(self, run: str, tasks: Sequence[int]) -> dict[int, OpenCalls]:
        """Return the state of the calls of those of these tasks that have called runs.

        Two round trips, one if the run has no children. Damaged ones are left out.
        """
        if not tasks or self.link.call("HGET", self.keys.run(run), "children") is None:
            return {}
        called: dict[int, OpenCalls] = {}
        for part in in_parts(tasks):
            (states,) = self.link.batch_each([("HMGET", self.keys.children(run), *part)])
            for task, data in zip(part, states, strict=True) if isinstance(states, list) else ():
                with suppress(CorruptData):
                    called[task] = OpenCalls.decode(data)
        return called

    def continue_calls(self, waiting: WaitingTask, request: str) -> bool:
        """Make a task of a resumed run wait for its runs again, and resume these.

        ``request``: identifies the resume. Returns False if that is not possible.
        """
        try:
            state, calls = self._calls(*waiting)
        except CorruptData:
            return False
        runs = [called.run for called in calls.runs]
        about = state.attempt, request, state.ready_list, state.level
        return bool(self._fenced("continue_calls", *waiting, *about, *runs)[1] == b"1")

    def wake_damaged(self, waiting: WaitingTask, ready_list: str, level: str) -> bool:
        """Wake a task of which it cannot be read what it has called, so that it fails."""
        reply = self._fenced("recount_calls", *waiting, "", ready_list, level)
        return bool(reply[1] == b"1")

    def _calls(self, run: str, task: int) -> tuple[OpenCalls, Calls]:
        key = self.keys.children(run)
        (data,) = self.link.batch_each([("HGET", key, task)])
        state = OpenCalls.decode(data)
        (data,) = self.link.batch_each([("HGET", key, f"{task},{state.attempt}")])
        return state, Calls.unpack(data)


def _parts_of_children(runs: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(runs)
    while part := list(islice(rest, CHILDREN_PART)):
        yield part
