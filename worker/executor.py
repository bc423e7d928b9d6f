"""The steps of one attempt: look up the function, collect its arguments, check its condition, call
it, and pack what it returns or classify what it raises.

The sync and the async lane share the steps before and after the call, and make the call themselves.
Every attempt ends in an ``Outcome``. No exception of user code or data leaves this module; only an
outage of Redis does.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flowkit.codec.packing import pack, unpack
from flowkit.context import enter_attempt, leave_attempt
from flowkit.core.retry import Policy, delay_before_retry
from flowkit.core.triggers import HOOKS
from flowkit.definition.call_plan import may_retry, plan_for, why_skipped
from flowkit.definition.functions import unfit_result
from flowkit.definition.task import Task, registered_task
from flowkit.exceptions import RedisUnavailable, TaskNotFoundError, TaskTimeout
from flowkit.execution.user_frames import user_frames
from flowkit.logging.logger import FlowkitLogger, LogLevel
from flowkit.logging.streams import HELD, end_lines
from flowkit.protocol.keys import ready_list
from flowkit.protocol.records import ErrorInfo, Spent
from flowkit.protocol.worker_store import Claim, Outcome

from .hooks import WorkerHooks
from .inputs import Inputs
from .result_cache import ResultCache

# How long to put off an attempt whose function this app does not have, each time: during a rolling
# deployment, another worker may have it soon. After the last delay the task fails.
PUT_OFF_S = (1.0, 2.0, 4.0, 8.0, 15.0)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An attempt that is ready to be called."""

    claim: Claim
    task: Task
    name: str
    policy: Policy
    args: list[Any]
    kwargs: Mapping[str, Any]
    params: Mapping[str, object]
    keep: str = ""  # what the token of a success adds for the cache


class Executor:
    """Turns the claims of one lane into calls, and what the calls return or raise into outcomes."""

    def __init__(
        self,
        inputs: Inputs,
        logger: FlowkitLogger,
        lane: str,
        app: str,
        max_bytes: int,
        *,
        random_unit: Callable[[], float] = random.random,
    ) -> None:
        """``app``: named in the error about a task that the app does not have."""
        self._inputs = inputs
        self._log = logger
        self._logs_debug = logger.enabled(LogLevel.DEBUG)
        self._lane = lane
        self._app = app
        self._max_bytes = max_bytes
        self._random_unit = random_unit
        self._cache = ResultCache(inputs, logger, lane)
        self._hooks = WorkerHooks(inputs.store, logger, lane)

    # -- before the call ------------------------------------------------------------------------

    def prepare(self, claim: Claim) -> Prepared | Outcome:
        """Return what to call, or the outcome of an attempt that needs no call."""
        name, policy = f"task {claim.task}", Policy()
        try:
            Spent.parse(claim.spent)  # refuse a damaged value here, so that no later step meets it
            dag = self._inputs.graph(claim.digest)
            name, policy = dag.graph.names[claim.task], dag.policy(claim.task)
            task = registered_task(dag.ref(claim.task))
            if task is None:
                return self._put_off(claim, name, policy, dag.ref(claim.task))
            params = self._inputs.params(claim)
            args: list[Any]
            if policy.trigger in HOOKS:
                args = [self._hooks.event(claim, dag, policy.trigger, params)]
            else:
                args = self._inputs.upstream(claim, dag.graph.upstream(claim.task))
            if task.when is not None and not self._should_run(claim, name, task, args, params):
                return self._skip(claim, name, args)
            fixed = dag.kwargs.get(claim.task)
            bound: Any = {} if fixed is None else unpack(fixed)
            kwargs = plan_for(task).keywords(len(args), params, bound)
            prepared = Prepared(claim, task, name, policy, args, kwargs, params)
            if task.cache_ttl is not None:
                lookup = self._cache.find(claim, name, task, args, kwargs, params)
                if lookup.packed is not None:
                    return self._cached(claim, name, lookup.packed)
                prepared = replace(prepared, keep=lookup.keep)
        except RedisUnavailable:
            raise
        except BaseException as error:  # the user's predicate failed, or data cannot be read
            return self._failed(claim, name, policy, error, retry=False)
        if self._logs_debug:
            self._log_debug("task_start", f"Task started: {name}", claim, name)
        return prepared

    def _should_run(
        self, claim: Claim, name: str, task: Task, args: list[Any], params: Mapping[str, object]
    ) -> bool:
        """Call the predicate before the first attempt only: a failed task is not skipped later."""
        if Spent.parse(claim.spent).failures(claim.attempt) > 1:
            return True
        token = enter_attempt(claim.run, name, claim.attempt, params)
        try:
            return plan_for(task).should_run(args)
        finally:
            if HELD:
                end_lines()
            leave_attempt(token)

    def slot_key(self, claim: Claim) -> str:
        """Return the slot's text for an attempt without a deadline: the attempt and the name."""
        dag = self._inputs.known(claim.digest)
        if dag is None or claim.task >= len(dag.graph):
            return claim.board_key
        return f"{claim.board_key}|||{dag.graph.names[claim.task]}"

    def slot_text(self, prepared: Prepared) -> str:
        """Return the text of the slot of an attempt with a deadline: also the outcome to record."""
        claim, policy = prepared.claim, prepared.policy
        error = TaskTimeout(prepared.name, policy.timeout or 0.0)
        token = self._failure_token(claim, policy, retry=may_retry(prepared.task, error))
        return f"{claim.board_key}|{token}|{policy.timeout}|{prepared.name}"

    # -- after the call -------------------------------------------------------------------------

    def succeeded(self, prepared: Prepared, result: object, seconds: float) -> Outcome:
        """Pack a result. If it cannot be stored, the task fails: a retry would not help."""
        claim = prepared.claim
        if HELD:
            end_lines()
        problem = unfit_result(prepared.name, result)
        if problem is not None:
            return self._failed(claim, prepared.name, prepared.policy, problem, retry=False)
        try:
            packed = b"" if result is None else pack(result, max_bytes=self._max_bytes)
        except BaseException as error:  # CodecError, or an error of the user's class
            return self._failed(claim, prepared.name, prepared.policy, error, retry=False)
        self._inputs.remember(claim, packed)
        stored = self._inputs.to_store(claim, packed, prepared.keep[1:].partition(",")[0])
        if self._logs_debug:
            name, duration = prepared.name, round(seconds, 6)
            self._log_debug(
                "task_success", f"Task succeeded: {name}", claim, name, duration=duration
            )
        return Outcome(claim.run, f"{claim.task},{claim.attempt},S{prepared.keep}", stored)

    def raised(self, prepared: Prepared, error: BaseException) -> Outcome:
        """Classify what the function raised: a retry, or a failure."""
        if HELD:
            end_lines()
        retry = may_retry(prepared.task, error)
        return self._failed(prepared.claim, prepared.name, prepared.policy, error, retry=retry)

    def cancelled(self, claim: Claim) -> Outcome:
        """Return the outcome of an attempt whose run was cancelled."""
        if HELD:
            end_lines()
        return Outcome(claim.run, f"{claim.task},{claim.attempt},C")

    def broken(self, claim: Claim, error: BaseException) -> Outcome:
        """Return the outcome of an attempt in which something other than its function raised.

        This is the last resort: without an outcome the attempt would restart again and again, or
        never end. So it only packs the error, and calls no user code.
        """
        return Outcome(claim.run, f"{claim.task},{claim.attempt},F", _info(error).pack())

    # -- outcomes -------------------------------------------------------------------------------

    def _skip(self, claim: Claim, name: str, args: list[Any]) -> Outcome:
        if self._logs_debug:
            reason = why_skipped(args)
            self._log_debug(
                "task_skip", f"Task skipped: {name} ({reason})", claim, name, reason=reason
            )
        return Outcome(claim.run, f"{claim.task},{claim.attempt},K")

    def _cached(self, claim: Claim, name: str, packed: bytes) -> Outcome:
        self._inputs.remember(claim, packed)
        if self._logs_debug:
            self._log_debug("task_cached", f"Task cached: {name}", claim, name)
        stored = self._inputs.to_store(claim, packed)
        return Outcome(claim.run, f"{claim.task},{claim.attempt},H", stored)

    def _put_off(self, claim: Claim, name: str, policy: Policy, ref: str) -> Outcome:
        times = Spent.parse(claim.spent).put_off
        error = TaskNotFoundError(
            f"app {self._app!r} on worker {self._lane} has no task {ref!r}. Start workers with an "
            "--app that imports the module that defines it, in the version that was submitted.",
            ref,
        )
        if times >= len(PUT_OFF_S):
            return self._failed(claim, name, policy, error, retry=False)
        pause = PUT_OFF_S[times]
        fields = self._fields(claim, name)
        message = f"Task put off: {name}: {error}"
        self._log.event(LogLevel.WARNING, "task_put_off", message, delay=pause, **fields)
        token = self._later_token(claim, policy, "D", pause)
        return Outcome(claim.run, token, _info(error).pack())

    def _failed(
        self, claim: Claim, name: str, policy: Policy, error: BaseException, *, retry: bool
    ) -> Outcome:
        token, info = self._failure_token(claim, policy, retry=retry), _info(error)
        self._log_failure(claim, name, policy, info, token)
        dag = self._inputs.known(claim.digest)
        if dag is not None and dag.on_retry and ",W," in token:
            pause = int(token.split(",")[3]) / 1000
            self._hooks.retried(claim, dag, self._inputs.params(claim), info, pause)
        return Outcome(claim.run, token, info.pack())

    def _failure_token(self, claim: Claim, policy: Policy, *, retry: bool) -> str:
        pause = None
        if retry:
            failures = Spent.parse(claim.spent).failures(claim.attempt)
            pause = delay_before_retry(policy, failures, self._random_unit())
        if pause is None:
            return f"{claim.task},{claim.attempt},F"
        return self._later_token(claim, policy, "W", pause)

    def _later_token(self, claim: Claim, policy: Policy, code: str, pause: float) -> str:
        where = ready_list(policy.queue, is_async=policy.is_async)
        attempt = f"{claim.task},{claim.attempt},{code}"
        return f"{attempt},{round(pause * 1000)},{where},{policy.priority}"

    def _log_failure(
        self, claim: Claim, name: str, policy: Policy, info: ErrorInfo, token: str
    ) -> None:
        fields: dict[str, Any] = {"run_id": claim.run, "worker": self._lane}
        fields["error_type"] = info.type
        parts = token.split(",")
        if parts[2] == "F":
            self._log.log_task_failure(name, info.message, attempt=claim.attempt, **fields)
            return
        retry = Spent.parse(claim.spent).failures(claim.attempt)
        fields["error_message"] = info.message
        self._log.log_task_retry(name, retry, policy.retries, int(parts[3]) / 1000, **fields)

    def _log_debug(self, event: str, message: str, claim: Claim, name: str, **more: object) -> None:
        """Log a normal event of an attempt, at DEBUG: there may be 40,000 per second."""
        self._log.event(LogLevel.DEBUG, event, message, **self._fields(claim, name), **more)

    def _fields(self, claim: Claim, name: str) -> dict[str, Any]:
        return {
            "task_name": name,
            "run_id": claim.run,
            "attempt": claim.attempt,
            "worker": self._lane,
        }


def _info(error: BaseException) -> ErrorInfo:
    """Describe an error. The traceback starts in user code; without user code there is none."""
    try:
        frames, message = user_frames(error), str(error)
        lines = traceback.format_exception(type(error), error, frames) if frames else []
    except BaseException:  # the user's __str__ raises
        message, lines = "(its message cannot be read)", []
    return ErrorInfo.cut(type(error).__name__, message, "".join(lines))
