"""The steps of one attempt: look up the function, collect its arguments, check its condition, call
it, and pack what it returns or classify what it raises.

The sync and the async lane share the steps before and after the call, and make the call themselves.
Every attempt ends in an ``Outcome``. No exception of user code or data leaves this module; only an
outage of Redis does.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from flowkit.basics.again import Again
from flowkit.codec.packing import pack, unpack
from flowkit.context import enter_attempt, leave_attempt
from flowkit.core.compiled import CompiledDAG
from flowkit.core.retry import Policy, delay_before_retry
from flowkit.core.triggers import HOOKS
from flowkit.definition.call_plan import may_retry, plan_for, why_skipped
from flowkit.definition.calls import has_calls
from flowkit.definition.functions import unfit_result
from flowkit.definition.task import Task, registered_task
from flowkit.events.event import Listener
from flowkit.exceptions import RedisUnavailable, TaskTimeout
from flowkit.logging.streams import PRINTED, end_lines
from flowkit.protocol.outcomes import Outcome, OutcomeCode, Retry
from flowkit.protocol.spent import Flag
from flowkit.protocol.worker_store import Claim

from .absent_functions import AbsentFunctions
from .app_versions import name_versions
from .attempt_events import AttemptEvents
from .child_runs import ChildRuns
from .comebacks import Comebacks
from .hooks import WorkerHooks
from .inputs import Inputs
from .item_labels import ItemLabels, with_label
from .outcome_values import ended, error_info, failure, later_attempt
from .prepared import NotHere, Prepared
from .result_cache import ResultCache

# Flags of a task whose function has been called, although no attempt counts as failed.
_BEGAN = frozenset({Flag.CALLED, Flag.AGAIN})


class Executor:
    """Turns the claims of one lane into calls, and what the calls return or raise into outcomes."""

    def __init__(
        self,
        inputs: Inputs,
        listener: Listener,
        lane: str,
        app: str,
        max_bytes: int,
        *,
        functions: Collection[str] = (),
        version: str = "",
        random_unit: Callable[[], float] = random.random,
    ) -> None:
        """``app``: named in what is said of a task that the app does not have.

        ``functions``: the ids of the functions that this worker has registered. ``version``: that
        of its app.
        """
        self._version = version
        self._inputs = inputs
        self._events = AttemptEvents(listener, lane)
        self._absent = AbsentFunctions(app, lane, functions, self._events)
        self._lane = lane
        self._max_bytes = max_bytes
        self._random_unit = random_unit
        self._cache = ResultCache(inputs, listener, lane)
        self._comebacks = Comebacks(inputs, self._events, max_bytes)
        self._hooks = WorkerHooks(inputs.store, listener, lane)
        self._children = ChildRuns(inputs, max_bytes, version)
        self._labels = ItemLabels(inputs, self._events)

    # -- before the call ------------------------------------------------------------------------

    def prepare(self, claim: Claim) -> Prepared | Outcome | NotHere:
        """Return what to call, the outcome of an attempt that needs no call, or that another worker
        must run it.
        """
        log_name, policy, label = f"task {claim.task}", Policy(), ""
        try:
            if claim.spent.damage:  # refuse it here, so that no later step meets it
                raise ValueError(claim.spent.damage)
            dag = self._inputs.graph(claim.digest)
            node = dag.node(claim.task)
            name = log_name = dag.task_name(claim.task)
            policy = dag.policy(node)
            task = registered_task(dag.ref(node))
            if task is None:
                return self._absent.hand_on(claim, name, dag.ref(node))
            params = self._inputs.params(claim)
            mapped = dag if dag.counted and dag.is_counted(claim.task) else None
            has_called = Flag.CALLED in claim.spent.flags
            if has_called and task.cache_ttl is None:
                log_name = self._labels.stored(claim, dag)
                over = Prepared(claim, task, name, log_name, policy, [], {}, params, mapped)
                return self._collected(over)
            args = self._arguments(claim, dag, policy, params)
            if dag.label_sources:
                label, log_name = self._labels.of(claim, dag, task, args)
            if task.when is not None and not self._should_run(claim, name, task, args, params):
                return with_label(self._skip(claim, log_name, args), label)
            bound: Any = unpack(dag.kwargs[node]) if node in dag.kwargs else {}
            kwargs = plan_for(task).keywords(len(args), params, bound)
            of = claim, task, name, log_name, policy, args, kwargs, params, mapped, label
            prepared = self._comebacks.given(Prepared(*of))
            found = prepared if task.cache_ttl is None else self._looked_up(prepared, dag)
            if isinstance(found, Outcome):
                return found
        except RedisUnavailable:
            raise
        except BaseException as error:  # the user's predicate failed, or data cannot be read
            return with_label(self._failed(claim, log_name, policy, error, retry=False), label)
        self._events.started(claim, log_name)
        return found

    def _looked_up(self, prepared: Prepared, dag: CompiledDAG) -> Prepared | Outcome:
        """Look in the cache for the result of a task; return its outcome if it is known."""
        claim, has_called = prepared.claim, Flag.CALLED in prepared.claim.spent.flags
        about = prepared.name, prepared.task, prepared.args, prepared.kwargs, prepared.params
        lookup = self._cache.find(claim, *about)
        if lookup.packed is not None and not has_called:
            outcome = self._cached(claim, prepared.log_name, lookup.packed, dag)
            return with_label(outcome, prepared.label)
        prepared = replace(prepared, cache=lookup.entry)
        return self._collected(prepared) if has_called else prepared

    def _arguments(
        self, claim: Claim, dag: CompiledDAG, policy: Policy, params: Mapping[str, object]
    ) -> list[Any]:
        if policy.trigger in HOOKS:
            return [self._hooks.event(claim, dag, policy.trigger, params)]
        return self._inputs.arguments(claim, dag)

    def _should_run(
        self, claim: Claim, name: str, task: Task, args: list[Any], params: Mapping[str, object]
    ) -> bool:
        """Call the predicate before the first attempt only: a task that began is not skipped."""
        if claim.spent.failures(claim.attempt) > 1 or not _BEGAN.isdisjoint(claim.spent.flags):
            return True
        token = enter_attempt(claim.run, name, claim.attempt, params, "", claim.task, self._lane)
        try:
            comes_after = self._inputs.comes_after(claim)
            return plan_for(task).should_run(args, comes_after=comes_after)
        finally:
            if PRINTED:
                end_lines()
            leave_attempt(token)

    def slot_key(self, claim: Claim) -> str:
        """Return the slot's text for an attempt without a deadline: the attempt and the name."""
        dag = self._inputs.known(claim.digest)
        if dag is None or not dag.is_valid(claim.task):
            return claim.slot_name
        return f"{claim.slot_name}|||{dag.task_name(claim.task)}"

    def slot_text(self, prepared: Prepared) -> str:
        """Return the text of the slot of an attempt with a deadline: also the outcome to record."""
        claim, policy = prepared.claim, prepared.policy
        error = TaskTimeout(prepared.log_name, policy.timeout or 0.0)
        retry = self._retry(claim, policy) if may_retry(prepared.task, error) else None
        token = failure(claim, retry).token
        return f"{claim.slot_name}|{token}|{policy.timeout}|{prepared.log_name}"

    # -- after the call -------------------------------------------------------------------------

    def succeeded(self, prepared: Prepared, result: object, seconds: float) -> Outcome:
        """Pack a result. If it cannot be stored, the task fails: a retry would not help.

        A task that returned ``flowkit.again(…)`` waits.
        """
        if PRINTED:
            end_lines()
        claim, label = prepared.claim, prepared.label
        if has_calls(result):
            return self._called(prepared, result)
        problem = unfit_result(prepared.name, result)
        if problem is not None:
            return self._unstored(prepared, problem)
        try:
            if type(result) is Again:
                return with_label(self._comebacks.outcome(prepared, result), label)
            packed = b"" if result is None else pack(result, max_bytes=self._max_bytes)
            dag = prepared.mapped
            elements = None if dag is None else self._inputs.elements(claim, dag, result)
        except BaseException as error:  # CodecError, an error of the user's class, no more agains
            return self._unstored(prepared, error)
        self._inputs.remember(claim, packed)
        cache = prepared.cache
        stored = self._inputs.to_store(claim, packed, "" if cache is None else cache.name)
        self._events.succeeded(claim, prepared.log_name, seconds)
        kind = OutcomeCode.SUCCEEDED
        of = (claim.run, claim.task, claim.attempt, kind, stored)
        if elements is None:
            return Outcome(*of, cache=cache, label=label)
        items, blocks = elements
        return Outcome(*of, cache=cache, items=items, blocks=blocks, label=label)

    def _unstored(self, prepared: Prepared, error: BaseException) -> Outcome:
        """Return the outcome of an attempt whose result cannot be stored, or not be called."""
        claim, log_name, policy = prepared.claim, prepared.log_name, prepared.policy
        return with_label(self._failed(claim, log_name, policy, error, retry=False), prepared.label)

    def _called(self, prepared: Prepared, result: object) -> Outcome:
        """Return the outcome of an attempt that has called runs, which its task waits for."""
        claim = prepared.claim
        try:
            payload = self._children.call(claim, prepared.name, result)
        except RedisUnavailable:
            raise
        except BaseException as error:  # a run cannot be started; a retry would not help
            return self._unstored(prepared, error)
        dag = self._inputs.known(claim.digest)
        place = later_attempt(prepared.policy, 0.0, dag, claim.task)
        return with_label(ended(claim, OutcomeCode.CALLED, payload, place), prepared.label)

    def _collected(self, prepared: Prepared) -> Outcome:
        """Return the outcome of a task whose runs are over, without calling its function."""
        began = time.monotonic()
        try:
            result = self._children.collect(prepared.claim)
        except RedisUnavailable:
            raise
        except BaseException as error:
            return self.raised(prepared, error)
        return self.succeeded(prepared, result, time.monotonic() - began)

    def raised(self, prepared: Prepared, error: BaseException) -> Outcome:
        """Classify what the function raised: a retry, or a failure."""
        if PRINTED:
            end_lines()
        retry = may_retry(prepared.task, error)
        claim, log_name, policy = prepared.claim, prepared.log_name, prepared.policy
        return with_label(self._failed(claim, log_name, policy, error, retry=retry), prepared.label)

    def cancelled(self, claim: Claim) -> Outcome:
        """Return the outcome of an attempt whose run was cancelled."""
        if PRINTED:
            end_lines()
        return ended(claim, OutcomeCode.CANCELLED)

    def broken(self, claim: Claim, error: BaseException) -> Outcome:
        """Return the outcome of an attempt in which something other than its function raised.

        This is the last resort: without an outcome the attempt would restart again and again, or
        never end. So it only packs the error, and calls no user code.
        """
        return failure(claim, None, error_info(error).pack())

    # -- outcomes -------------------------------------------------------------------------------

    def _skip(self, claim: Claim, name: str, args: list[Any]) -> Outcome:
        self._events.skipped(
            claim, name, lambda: why_skipped(args, comes_after=self._inputs.comes_after(claim))
        )
        return ended(claim, OutcomeCode.SKIPPED)

    def _cached(self, claim: Claim, name: str, packed: bytes, dag: CompiledDAG) -> Outcome:
        elements = None
        if dag.is_counted(claim.task):
            result = unpack(packed, max_bytes=self._max_bytes) if packed else None
            elements = self._inputs.elements(claim, dag, result)
        self._inputs.remember(claim, packed)
        self._events.cached(claim, name)
        outcome = ended(claim, OutcomeCode.CACHED, self._inputs.to_store(claim, packed))
        return outcome if elements is None else replace(outcome, **elements._asdict())

    def _failed(
        self, claim: Claim, name: str, policy: Policy, error: BaseException, *, retry: bool
    ) -> Outcome:
        later, info = self._retry(claim, policy) if retry else None, error_info(error)
        if isinstance(error, TypeError) and not info.traceback:  # no frame of the user's code
            store = self._inputs.store
            info = name_versions(
                info, self._version, lambda: store.read_submitted_version(claim.run)
            )
        self._events.failed(claim, name, policy, info, later)
        dag = self._inputs.known(claim.digest)
        if dag is not None and dag.on_retry and later is not None:
            params = self._inputs.params(claim)
            self._hooks.retried(claim, dag, params, info, later.delay_ms / 1000)
        return failure(claim, later, info.pack())

    def _retry(self, claim: Claim, policy: Policy) -> Retry | None:
        """Return the next attempt of a task that failed, None if it has no retries left."""
        failures = claim.spent.failures(claim.attempt)
        pause = delay_before_retry(policy, failures, self._random_unit())
        dag = self._inputs.known(claim.digest)
        return None if pause is None else later_attempt(policy, pause, dag, claim.task)
