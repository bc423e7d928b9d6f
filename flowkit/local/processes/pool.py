"""Calling tasks in child processes, for ``dag.run(executor="process")``: the parent's side.

A thread (local/threads.py) that makes an attempt takes an idle child, or starts one, and waits for
its reply, so the number of threads bounds the children. They live as long as the run. Rules:

1.  A child makes one call at a time, so if it dies, it is clear which task it was running. The task
    is called again in another child, as on workers, which is no retry of its policy. After
    ``MOST_DEATHS`` deaths (at-most-once: after the first) it fails with WorkerLost.
2.  A timeout ends a call by killing its child. The time that a child needs to start does not count.
3.  No child survives the run: ``stop`` ends all, and a child exits if its parent dies.
4.  The first child finds a missing function, or a script that would run its DAG in each child.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from ...basics.display_text import error_text
from ...core.retry import MOST_DEATHS
from ...definition.importing import EXIT_UNGUARDED
from ...exceptions import DAGError, TaskTimeout, WorkerLost
from .children import ChildPool, ChildProcess, Died
from .messages import ChildFailure, Messages
from .shipping import not_found
from .wire import Ready, unpack

if TYPE_CHECKING:
    from ..run_context import RunContext


class RepeatCall(Exception):
    """The child died during the call, and the task may be innocent: call it again."""


class Processes:
    """The children of one run."""

    def __init__(self, context: RunContext) -> None:
        """Pack what all calls share, without starting a child.

        Raises NotImportableError for a function, ParameterError for a run parameter, that cannot be
        sent to a child.
        """
        self._dag_name = context.dag_name
        self._context = context
        self._tasks, self._names = context.numbered.tasks, context.numbered.names
        self._messages = Messages(context)
        self._hello = self._messages.hello()
        self._child_pool = ChildPool()
        self._idle: list[ChildProcess] = []
        self._deaths: dict[int, int] = {}
        self._stopped = False

    def for_run(self, context: RunContext) -> Processes:
        """Return the same children for another run of the same DAG, which ``stop`` ends too."""
        twin = copy(self)
        twin._context, twin._deaths = context, {}
        twin._tasks, twin._names = context.numbered.tasks, context.numbered.names
        twin._messages = self._messages.for_run(context)
        return twin

    def open(self) -> None:
        """Start the first child, if any task needs one. Raises DAGError if it cannot work."""
        if self._messages.functions:
            self._idle.append(self._start())

    def call(
        self, index: int, attempt: int, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Any, float]:
        """Call a task's function in a child; return its result and the seconds that it took.

        Raises what the function raises, TaskTimeout, RepeatCall if the child died during the call,
        and ChildFailure for all other failures.
        """
        task = self._tasks[index]
        child = self._take()
        tries = attempt + self._deaths.get(index, 0)
        try:
            message = self._messages.call(index, tries, args, kwargs, child.known)
        except ChildFailure:
            self._idle.append(child)
            raise
        try:
            answer = child.ask(message, task.timeout)
        except Died as death:
            self._child_pool.end_child(child)
            self._count_death(index, tries, death)
            raise RepeatCall from None
        if answer is None:
            self._child_pool.end_child(child)
            raise TaskTimeout(self._names[index], task.timeout or 0.0)
        self._idle.append(child)
        return self._messages.read(index, answer)

    def stop(self, *, at_once: bool) -> None:
        """End all children. ``at_once``: even those that are making a call."""
        if self._stopped:
            return
        self._stopped = True
        self._child_pool.close(at_once=at_once)

    # -- a child ---------------------------------------------------------------------------

    def _take(self) -> ChildProcess:
        """Return the idle child that was used last, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self._start()
        except Exception as error:
            raise ChildFailure(error, retry=False) from None

    def _start(self) -> ChildProcess:
        try:
            child = self._child_pool.start_child()
        except (OSError, RuntimeError, AssertionError) as error:
            # multiprocessing asserts that the parent is not one of its daemons.
            raise DAGError(
                f"DAG {self._dag_name!r}: a process cannot be started ({error_text(error)}). "
                + _remedy(error)
            ) from error
        try:
            ready: Ready = unpack(child.ask(self._hello) or b"")
        except Died as death:
            self._child_pool.end_child(child)
            raise self._failed_to_start(death) from None
        for task, number in self._messages.functions.items() if ready.missing else ():
            if number in ready.missing:
                raise not_found(self._dag_name, task, ready.missing[number])
        return child

    def _failed_to_start(self, death: Died) -> DAGError:
        if death.code == EXIT_UNGUARDED:
            return DAGError(
                f"DAG {self._dag_name!r}: with executor='process', each process imports the "
                "script, and this script runs a DAG when it is imported. Put the lines that run "
                "it under `if __name__ == '__main__':`."
            )
        return DAGError(
            f"DAG {self._dag_name!r}: process {death.pid} ended before it was ready ({death.how}). "
            "It imports the script and the modules of the tasks; what went wrong is "
            "printed above. Lines that do the work belong under `if __name__ == '__main__':`."
        )

    def _count_death(self, index: int, attempt: int, death: Died) -> None:
        """Count a death during a call of a task. Raises ChildFailure if it may not run again."""
        task, name, context = self._tasks[index], self._names[index], self._context
        deaths = self._deaths[index] = self._deaths.get(index, 0) + 1
        if self._stopped:
            return
        context.events.child_died(index, attempt, death.pid, death.how)
        if task.policy.at_most_once:
            error = WorkerLost(
                f"Task {name!r} of DAG {self._dag_name!r}: its process died while it ran the "
                f"task (process {death.pid}, {death.how}), so it may or may not have done its "
                "work. It must run at most once (at_most_once=True) and is not started again."
            )
            raise ChildFailure(error, retry=False)
        if deaths >= MOST_DEATHS:
            error = WorkerLost(
                f"Task {name!r} of DAG {self._dag_name!r}: its process died {deaths} times "
                f"while it ran the task (last process {death.pid}, {death.how}). Look for what "
                "ends it: memory, a crash in native code, os._exit."
            )
            raise ChildFailure(error, retry=False)


def _remedy(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        try:
            os.getcwd()
        except FileNotFoundError:
            return "This program's working directory was deleted; change to another (os.chdir)."
    return "Run it with fewer max_workers, or with executor='thread'."
