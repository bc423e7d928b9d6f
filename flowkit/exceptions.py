"""Every error that flowkit raises on purpose.

    FlowkitError
    ├── DAGError                  a DAG that cannot run as it is defined
    │   ├── DAGCycleError         .path
    │   ├── DuplicateTaskError    .name
    │   ├── UnknownDAGError       .name, .known
    │   ├── NotImportableError    .task_name, .ref
    │   ├── ParameterError        .parameter, .task_name
    │   └── AppError              a file or module that cannot be loaded
    ├── TaskNotFoundError         .ref
    ├── TaskExecutionError        .task_name, .error_type, .error_message, .remote_traceback, …
    ├── TaskTimeout               .task_name, .timeout
    ├── AgainLimit                a task that came again as often as it may
    ├── WorkerLost                the process that ran a task died, more than once
    ├── LeaseLost                 another process now owns what this one held
    ├── MapError                  results over which a task cannot be mapped
    ├── IllegalValue              a value that cannot be stored or read back
    ├── SettingsError
    ├── StateError                a state file that cannot be read or written
    ├── StoreError
    │   ├── RedisUnavailable
    │   │   └── NotPermitted      the login works, but lacks a permission
    │   ├── UnfitRedis
    │   ├── WrongShards           this process and the system have different shard lists
    │   ├── BadRedisURL
    │   └── UntrustedValue        a value that was not signed with this signing key
    └── RunError                  .run_id
        ├── RunNotFound
        ├── RunExists
        ├── RunAlreadyOver
        ├── RunNotOver
        ├── TaskNotFailed
        ├── RunCancelled
        ├── RunDamaged
        ├── RunLost
        ├── ChildRunFailed        a run that a task has called did not succeed
        └── WaitTimeout

Wrong types and values in a call (``retries="3"``) raise ``TypeError`` and ``ValueError``. Errors
can be sent between processes. Texts may quote Redis or tasks, so they are escaped, unlike fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .basics.display_text import escape_lines
from .basics.rebuilding import rebuilt


class FlowkitError(Exception):
    """The base class of all errors that flowkit raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return escape_lines(super().__str__())


class DAGError(FlowkitError):
    """A DAG that cannot run as it is defined."""


class DAGCycleError(DAGError):
    """The edges form a cycle. ``path``: the names along it, the first one repeated at the end."""

    def __init__(self, path: Sequence[str], dag_name: str = "") -> None:
        place = f" in DAG {dag_name!r}" if dag_name else ""
        super().__init__(f"There is a cycle{place}: {' -> '.join(path)}. Remove one of its edges.")
        self.path = tuple(path)


class DuplicateTaskError(DAGError):
    """Two tasks in one DAG have the same name. ``name``: that name."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class UnknownDAGError(DAGError):
    """An app has no such DAG, or it has several and none was named. ``known``: their names."""

    def __init__(self, message: str, name: str | None = None, known: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.name = name
        self.known = tuple(known)


class NotImportableError(DAGError):
    """A worker cannot import this task's function. ``ref``: where it would look."""

    def __init__(self, message: str, task_name: str, ref: str) -> None:
        super().__init__(message)
        self.task_name = task_name
        self.ref = ref


class ParameterError(DAGError):
    """A run parameter is unknown, missing, or has a value that does not fit its annotation.

    ``parameter``: its name. ``task_name``: None for an unknown one.
    """

    def __init__(self, message: str, parameter: str, task_name: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.task_name = task_name


class AppError(DAGError):
    """An app file or module cannot be loaded."""


class TaskNotFoundError(FlowkitError):
    """No task with this reference is registered in this process. ``ref``: ``module:function``."""

    def __init__(self, message: str, ref: str | None = None) -> None:
        super().__init__(message)
        self.ref = ref


class TaskExecutionError(FlowkitError):
    """A task failed in another process, where the original exception object stayed.

    Also raised for a failure in this process with something that is not an ``Exception``, such as
    SystemExit; that is then the cause of this error. ``error_type``, ``error_message``: of the
    exception. ``remote_traceback``, ``label`` (of an item of a mapped task): a text, or "".
    """

    def __init__(
        self,
        task_name: str,
        error_type: str,
        error_message: str,
        remote_traceback: str = "",
        run_id: str | None = None,
        attempt: int | None = None,
        label: str = "",
    ) -> None:
        text = f"Task {task_name!r}{f' ({label!r})' if label else ''} failed: {error_type}"
        text += f": {error_message}" if error_message else ""
        if run_id is not None:
            text += f" (run {run_id}" + (")" if attempt is None else f", attempt {attempt})")
        super().__init__(text)
        self.task_name, self.label = task_name, label
        self.error_type, self.error_message = error_type, error_message
        self.remote_traceback = remote_traceback
        self.run_id, self.attempt = run_id, attempt

    def __str__(self) -> str:
        trace = escape_lines(self.remote_traceback.rstrip())
        return super().__str__() + (f"\n\n{trace}" if trace else "")


class TaskTimeout(FlowkitError):
    """An attempt took longer than its task's ``timeout`` (seconds)."""

    def __init__(self, task_name: str, timeout: float) -> None:
        super().__init__(
            f"Task {task_name!r} took longer than its timeout of {timeout:g} s. "
            "Raise the timeout with @task(timeout=…), or give the task less work."
        )
        self.task_name = task_name
        self.timeout = timeout


class AgainLimit(FlowkitError):
    """A task asked to come again, and has done so as often as ``flowkit.again(times=…)`` allows."""


class WorkerLost(FlowkitError):
    """The worker processes that ran a task died too often, so the task is not retried."""


class LeaseLost(FlowkitError):
    """Another process now owns what this process held, so its outcome is discarded."""


class MapError(FlowkitError):
    """A task cannot be mapped over what its upstream tasks returned."""


class IllegalValue(FlowkitError):
    """A value that cannot be stored, or a stored one that cannot be read back."""


class SettingsError(FlowkitError):
    """A setting is unknown or has an invalid value."""


class StateError(FlowkitError):
    """A state file cannot be read or written: permissions, the disk or its format."""


class StoreError(FlowkitError):
    """Something is wrong with Redis, or with the connection to it."""


class RedisUnavailable(StoreError):
    """Redis does not answer."""


class NotPermitted(RedisUnavailable):
    """Redis answers, but its access rules do not permit this user to run a command."""


class UnfitRedis(StoreError):
    """Redis answers, but with its settings runs could be lost, or a newer release uses it."""


class WrongShards(StoreError):
    """The list of shards, or its order, is not the one that the system uses."""


class BadRedisURL(StoreError):
    """The URL is not the address of a Redis."""


class UntrustedValue(StoreError):
    """A stored value has no signature, or one that does not match."""


class RunError(FlowkitError):
    """An error about one run. ``run_id``: its id; ``message``: replaces the default text."""

    sentence = "Run {run_id!r}: something is wrong with it."

    def __init__(self, run_id: str, message: str | None = None) -> None:
        super().__init__(self.sentence.format(run_id=run_id) if message is None else message)
        self.run_id = run_id


class RunNotFound(RunError):
    """The run does not exist, or no longer exists."""

    sentence = (
        "There is no run {run_id!r} in this namespace. Check the id, the Redis URL and the "
        "namespace. Runs are deleted when their TTL expires."
    )


class RunExists(RunError):
    """A different run already has this id."""

    sentence = "Run {run_id!r} already exists and is a different run. Choose another run id."


class RunAlreadyOver(RunError):
    """The run is over, so this is no longer possible."""

    sentence = "Run {run_id!r} is already over."


class RunNotOver(RunError):
    """The run is still running, so this is not possible yet."""

    sentence = "Run {run_id!r} is not over yet. Wait for it, or cancel it."


class TaskNotFailed(RunError):
    """A task that is to be shown or retried as a failed task has not failed."""

    sentence = "Run {run_id!r} has no failed task."


class RunCancelled(RunError):
    """The run was cancelled, so it has no results."""

    sentence = "Run {run_id!r} was cancelled. Resume it, or submit a new one."


class RunDamaged(RunError):
    """The data of the run in Redis cannot be read: something other than flowkit changed it."""

    sentence = "Run {run_id!r} is damaged in Redis. Submit it again under another id."


class RunLost(RunError):
    """Redis lost the data of an accepted run."""

    sentence = (
        "Run {run_id!r} was accepted, but its data is gone from Redis: lost, deleted or evicted. "
        "Submit it again, and check the persistence and memory settings of that Redis."
    )


class ChildRunFailed(RunError):
    """A run that a task has called has failed, or was cancelled. ``run_id``: the id of that run."""


class WaitTimeout(RunError):
    """The run did not end within the timeout."""

    sentence = "Run {run_id!r} did not end within the timeout. Wait longer, or cancel it."
