"""Every error that flowkit raises on purpose.

    FlowkitError
    ├── DAGError                  a DAG that cannot be run as it was drawn
    │   ├── DAGCycleError         .path
    │   ├── DuplicateTaskError    .name
    │   ├── UnknownDAGError       .name, .known
    │   ├── NotImportableError    .task_name, .ref
    │   ├── ParameterError        .parameter, .task_name
    │   └── AppError              a file or module that cannot be loaded
    ├── TaskNotFoundError         .ref
    ├── TaskExecutionError        .task_name, .error_type, .error_message, .remote_traceback, …
    ├── TaskTimeout               .task_name, .timeout
    ├── WorkerLost                the process that ran a task died, more than once
    ├── LeaseLost                 another worker owns what this one believed to own
    ├── IllegalValue              a value that cannot be stored or read back
    ├── SettingsError
    ├── StateError                a state file that cannot be read or written
    ├── StoreError
    │   ├── RedisUnavailable
    │   │   └── NotPermitted      the login works, and may not do what is needed
    │   ├── UnfitRedis
    │   ├── WrongShards           this process has another list of shards than the system
    │   ├── BadRedisURL
    │   └── UntrustedValue        a value that no process with this signing key has written
    └── RunError                  .run_id
        ├── RunNotFound
        ├── RunExists
        ├── RunAlreadyOver
        ├── RunNotOver
        ├── TaskNotFailed
        ├── RunCancelled
        ├── RunDamaged
        ├── RunLost
        └── WaitTimeout

Wrong types and values in a call (``retries="3"``) are ``TypeError`` and ``ValueError``, as
everywhere in Python. Ids are attributes; the text says what is wrong and what to do next. Every
error can be copied and sent between processes, whatever its constructor takes.

An error may quote names, messages and tracebacks that come from Redis or from tasks, and Python
prints the text of an uncaught error as it is. So that text is escaped; attributes are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .core.display_text import escape_lines


def _rebuild(kind: type[FlowkitError], args: tuple[Any, ...], fields: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(fields)
    return error


class FlowkitError(Exception):
    """The root: ``except FlowkitError`` catches all of them."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return escape_lines(super().__str__())


class DAGError(FlowkitError):
    """A DAG that cannot be run as it was drawn."""


class DAGCycleError(DAGError):
    """The edges form a cycle. ``path``: the names along it, the first one again at the end."""

    def __init__(self, path: Sequence[str], dag_name: str = "") -> None:
        place = f" in DAG {dag_name!r}" if dag_name else ""
        super().__init__(
            f"There is a cycle{place}: {' -> '.join(path)}. Take one of its edges away."
        )
        self.path = tuple(path)


class DuplicateTaskError(DAGError):
    """Two tasks of one DAG have one name. ``name``: the name."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class UnknownDAGError(DAGError):
    """An app has no such DAG, or several and none was named. ``known``: the names it has."""

    def __init__(self, message: str, name: str | None = None, known: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.name = name
        self.known = tuple(known)


class NotImportableError(DAGError):
    """A worker could not find this task's function. ``ref``: where it would look."""

    def __init__(self, message: str, task_name: str, ref: str) -> None:
        super().__init__(message)
        self.task_name = task_name
        self.ref = ref


class ParameterError(DAGError):
    """A run parameter is unknown, or one is missing. ``task_name``: None for an unknown one."""

    def __init__(self, message: str, parameter: str, task_name: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.task_name = task_name


class AppError(DAGError):
    """An app file or module cannot be loaded."""


class TaskNotFoundError(FlowkitError):
    """No task of this reference is registered in this process. ``ref``: ``module:function``."""

    def __init__(self, message: str, ref: str | None = None) -> None:
        super().__init__(message)
        self.ref = ref


class TaskExecutionError(FlowkitError):
    """A task failed in another process, where the original exception object stayed; or here with
    what is no ``Exception``, such as SystemExit, which is the cause of this error then.

    ``error_type``, ``error_message``: of the exception. ``remote_traceback``: its text, or "".
    """

    def __init__(
        self,
        task_name: str,
        error_type: str,
        error_message: str,
        remote_traceback: str = "",
        run_id: str | None = None,
        attempt: int | None = None,
    ) -> None:
        text = f"Task {task_name!r} failed: {error_type}"
        text += f": {error_message}" if error_message else ""
        if run_id is not None:
            text += f" (run {run_id}" + (")" if attempt is None else f", attempt {attempt})")
        super().__init__(text)
        self.task_name = task_name
        self.error_type = error_type
        self.error_message = error_message
        self.remote_traceback = remote_traceback
        self.run_id = run_id
        self.attempt = attempt

    def __str__(self) -> str:
        text = super().__str__()
        if not self.remote_traceback:
            return text
        return f"{text}\n\n{escape_lines(self.remote_traceback.rstrip())}"


class TaskTimeout(FlowkitError):
    """An attempt took longer than its task's ``timeout`` (seconds)."""

    def __init__(self, task_name: str, timeout: float) -> None:
        super().__init__(
            f"Task {task_name!r} took longer than its timeout of {timeout:g} s. "
            "Give it more time with @task(timeout=…), or less to do."
        )
        self.task_name = task_name
        self.timeout = timeout


class WorkerLost(FlowkitError):
    """The worker processes that ran a task died under it, too often to try again."""


class LeaseLost(FlowkitError):
    """What this process believed to own belongs to another one by now; its outcome is void."""


class IllegalValue(FlowkitError):
    """A value that cannot be stored, or a stored one that cannot be read back."""


class SettingsError(FlowkitError):
    """A setting is unknown or has a bad value."""


class StateError(FlowkitError):
    """A state file that cannot be read or written, by its permissions, the disk or its format."""


class StoreError(FlowkitError):
    """Something is wrong with Redis, or with the way to it."""


class RedisUnavailable(StoreError):
    """Redis does not answer."""


class NotPermitted(RedisUnavailable):
    """Redis answers, and its access rules do not allow this user what was asked."""


class UnfitRedis(StoreError):
    """Redis answers, but runs could be lost on it as it is, or a newer release uses it."""


class WrongShards(StoreError):
    """The shards are not those, or not in that order, that the system is made of."""


class BadRedisURL(StoreError):
    """Not the address of a Redis."""


class UntrustedValue(StoreError):
    """A stored value without a signature, or with one that does not fit."""


class RunError(FlowkitError):
    """Something about one run. ``run_id``: which; ``message``: instead of the usual sentence."""

    sentence = "Run {run_id!r}: something is wrong with it."

    def __init__(self, run_id: str, message: str | None = None) -> None:
        super().__init__(self.sentence.format(run_id=run_id) if message is None else message)
        self.run_id = run_id


class RunNotFound(RunError):
    """There is no such run, or no longer."""

    sentence = (
        "There is no run {run_id!r} in this namespace. Check the id, the Redis URL and the "
        "namespace; runs that ended are forgotten when their TTL is over."
    )


class RunExists(RunError):
    """The id is taken by a different run."""

    sentence = "Run {run_id!r} exists and is a different one. Choose another run id."


class RunAlreadyOver(RunError):
    """The run has ended, so this cannot be asked of it any more."""

    sentence = "Run {run_id!r} is over already."


class RunNotOver(RunError):
    """The run still goes on, so this cannot be asked of it yet."""

    sentence = "Run {run_id!r} is not over yet. Wait for its end, or cancel it."


class TaskNotFailed(RunError):
    """A task that is to be looked at or tried again as a failed one has not failed."""

    sentence = "Run {run_id!r} has no failed task."


class RunCancelled(RunError):
    """The run was cancelled, so it has no results."""

    sentence = "Run {run_id!r} was cancelled. Resume it, or submit a new one."


class RunDamaged(RunError):
    """What Redis holds of the run cannot be read: something else than flowkit has written to it."""

    sentence = "Run {run_id!r} is damaged in Redis. Submit it anew under another id."


class RunLost(RunError):
    """Redis lost the data of an accepted run."""

    sentence = (
        "Run {run_id!r} was accepted, but its data is gone from Redis: lost, deleted or evicted. "
        "Submit it again, and look at the persistence and memory settings of that Redis."
    )


class WaitTimeout(RunError):
    """The run did not end in the time that the caller wanted to wait."""

    sentence = "Run {run_id!r} did not end in the time given. Wait longer, or cancel it."
