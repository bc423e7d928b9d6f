"""The client's calls that change a run which exists: cancel, resume, hasten, delete."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from ..exceptions import RunAlreadyOver, RunNotFound, RunNotOver
from .decoding import text_of
from .store import Store

HASTEN_PART = 200  # tasks per call, each with up to six entries to look for


class Waiting(NamedTuple):
    """A task that waits for its next attempt. ``attempt``: the last one that it has had.

    ``lists``: the ready lists in which that attempt may be entered, the likeliest first.
    """

    task: int
    attempt: int
    level: str
    lists: Sequence[str]

    def args(self) -> tuple[object, ...]:
        """Return the arguments of the script."""
        return self.task, self.attempt, self.level, " ".join(self.lists)


class ChangeStore(Store):
    """The calls of a client that change runs."""

    def cancel(self, run: str, by: str = "") -> None:
        """Request that a run stops. ``by``: who requests it. Raises RunNotFound, RunAlreadyOver."""
        reply = self._script("cancel", run, by)
        if reply[0] == b"UNKNOWN":
            raise self._not_found(run)
        if reply[0] == b"OVER":
            raise RunAlreadyOver(
                run,
                f"run {run!r} is already over ({text_of(reply[1])}); there is nothing to cancel",
            )

    def delete(self, run: str) -> bool:
        """Delete a run that is over; return False if there is none. Raises RunNotOver."""
        reply = self._script("delete", run)
        if reply[0] == b"RUNNING":
            raise RunNotOver(
                run,
                f"run {run!r} is not over yet, so it cannot be deleted: stop it first, with "
                f"'flowkit cancel {run} --wait'",
            )
        if reply[0] == b"PARENT":
            parent = text_of(reply[1])
            raise RunNotOver(
                run,
                f"run {run!r} was called by a task of run {parent!r}, which is not over yet and "
                f"needs its results. Delete {parent!r} when it is over: that deletes {run!r} too",
            )
        return bool(reply[0] == b"OK")

    def delete_many(self, runs: Sequence[str]) -> list[str]:
        """Delete those of these runs that are over, and return them. One round trip."""
        replies = self._scripts("delete", [(run,) for run in runs])
        return [run for run, reply in zip(runs, replies, strict=True) if reply[0] == b"OK"]

    def resume(self, run: str, tasks: Sequence[int] = (), by: str = "") -> None:
        """Resume a finished run; a run that is running continues.

        ``tasks``: tasks to rerun, with everything downstream of them, even if they succeeded.
        ``by``: who resumes it.
        Raises RunNotFound; without ``tasks``, RunAlreadyOver for a run that succeeded and in which
        nothing failed; with ``tasks``, RunNotOver for a run that is running.
        """
        numbers = " ".join(map(str, tasks))
        reply = self._script("resume", run, secrets.token_hex(8), numbers, by)
        if reply[0] == b"UNKNOWN":
            raise self._not_found(run)
        if reply[0] == b"BUSY":
            raise RunNotOver(
                run,
                f"run {run!r} is not over yet, so none of its tasks can be rerun. Wait for its "
                f"end, or stop it with 'flowkit cancel {run} --wait'",
            )
        if reply[0] == b"PARENT":
            parent = text_of(reply[1])
            raise RunNotOver(
                run,
                f"run {run!r} was called by a task of run {parent!r}, which is running and no "
                f"longer waits for it. Wait for the end of {parent!r}, and resume that",
            )
        if reply[0] == b"OVER":
            raise RunAlreadyOver(
                run,
                f"run {run!r} succeeded; there is nothing to resume. Submit a new run, or name a "
                "task to resume it from",
            )

    def hasten(self, run: str, waiting: Sequence[Waiting], by: str = "") -> int:
        """Make tasks that wait for their next attempt due at once; return how many were hastened.

        A task that has changed meanwhile is left alone. ``by``: who asks for it. One round trip per
        200 tasks. Raises RunNotFound, RunAlreadyOver.
        """
        hastened = 0
        for at in range(0, len(waiting), HASTEN_PART):
            part = waiting[at : at + HASTEN_PART]
            args = [arg for item in part for arg in item.args()]
            reply = self._script("hasten", run, by, *args)
            if reply[0] == b"UNKNOWN":
                raise self._not_found(run)
            if reply[0] == b"OVER":
                state = text_of(reply[1])
                raise RunAlreadyOver(run, f"run {run!r} is over meanwhile ({state})")
            hastened += reply[1]
        return hastened

    def _not_found(self, run: str) -> RunNotFound:
        return RunNotFound(
            run,
            f"there is no run {run!r} in namespace {self.keys.namespace!r}: check the id with "
            "'flowkit ls', and the namespace; a run's data is deleted when its TTL expires",
        )
