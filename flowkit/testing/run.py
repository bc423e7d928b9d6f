"""Run a DAG, or one attempt of one task, in a test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..client.checks import check_dag
from ..clock import Clock, FakeClock
from ..context import Attempt, attempt_scope
from ..definition.call_plan import plan_for
from ..definition.functions import unfit_result
from ..definition.task import Task
from ..executors import check_executor
from ..logging.kept_lines import keeping
from .result import DagResult

if TYPE_CHECKING:
    from ..dag import DAG
    from ..state.store import StateStore
    from .story import TestEnvironment

Result = TypeVar("Result")


def run_dag(
    dag: DAG,
    *,
    params: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
    state: StateStore | None = None,
    resume: bool = False,
    strict_values: bool = True,
    max_workers: int | None = None,
    seed: int = 0,
) -> DagResult:
    """Run a DAG in this process and return what happened. A failed task raises nothing here.

    ``clock``: by default a new FakeClock, with which waits for retries take no time. A task that
    advances it by more than its timeout times out; a task that hangs times out in real time.
    ``strict_values``: pack parameters, fixed arguments and results as for workers, so that a value
    that cannot be stored fails its task. ``seed``: determines the jitter of retries. Other options:
    see ``DAG.run``; without ``state``, the cache is empty when the run begins.

    Raises what ``DAG.run`` raises before anything runs, and CodecError for a bad parameter.
    """
    from .story import TestEnvironment

    _check(dag, params, {"state": state, "resume": resume or None, "from_task": None})
    clock = FakeClock() if clock is None else clock
    params = _as_sent(dag, params) if strict_values else params
    records = None if state is None else (state, resume, None)
    if state is None:
        _forget_cached(dag)
    recorder = TestEnvironment(clock, seed, strict_values=strict_values)
    own, begun = len(dag.tasks), clock.monotonic()
    try:
        _run(dag, recorder, max_workers=max_workers, params=params, recording=records)
    except BaseException as error:
        if error is not recorder.failure:
            raise
    return recorder.result(dag.name, own, clock.monotonic() - begun)


def _run(dag: DAG, recorder: TestEnvironment, **options: Any) -> None:
    from ..local.run import run_here

    with keeping(recorder.kept):
        run_here(dag, environment=recorder.environment(), **options)


def _check(dag: DAG, params: object, options: Mapping[str, object]) -> None:
    check_dag(dag, params)
    check_executor(dag.name, "thread", {}, options)


def _as_sent(dag: DAG, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the parameters as a worker would receive them. Refuse what cannot be submitted."""
    from .story import through_codec

    dag.compile()
    return cast("dict[str, Any]", through_codec(dict(params or {}), "params"))


def _forget_cached(dag: DAG) -> None:
    """Empty the cache that all runs of a process share, so that tests are independent."""
    if any(task.cache_ttl is not None for task in dag.tasks):
        from ..local.cache import clear_cache

        clear_cache()


def call_task(
    task: Task[..., Result],
    /,
    *args: Any,
    attempt: int = 1,
    run_id: str = "test",
    params: Mapping[str, Any] | None = None,
    memory: object = None,
    times: int = 0,
    **kwargs: Any,
) -> Result:
    """Call a task's function once, as an attempt in a run, and return or raise what it does.

    ``args``: the upstream results. ``attempt``, ``run_id``, ``params``, ``memory``, ``times``: the
    values of ``current_attempt()``; parameters that the function declares are also passed to it.
    ``kwargs``: further arguments, which take precedence. Condition, retries, timeout and codec are
    not applied, and ``flowkit.again(…)`` is returned as it is. For an async task, this returns a
    coroutine to await.
    """
    if not isinstance(task, Task):
        raise TypeError(f"call_task() takes a task, not {task!r}. Is it decorated with @task?")
    if attempt < 1:
        raise ValueError(f"attempt must be at least 1, not {attempt}: attempts count from 1.")
    given = dict(params or {})
    keywords = {**plan_for(task).keywords(len(args), given, task.kwargs), **kwargs}
    current = Attempt(run_id, task.name, attempt, given, memory, times)
    if task.is_async:
        return cast("Result", _await_task(task, current, args, keywords))
    with attempt_scope(current):
        value = task.func(*args, **keywords)
    problem = unfit_result(task.name, value)
    if problem is not None:
        raise problem
    return value


async def _await_task(
    task: Task, current: Attempt, args: tuple[Any, ...], keywords: Mapping[str, Any]
) -> Any:
    with attempt_scope(current):
        return await task.func(*args, **keywords)
