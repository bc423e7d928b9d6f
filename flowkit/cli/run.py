"""``flowkit run``: a whole system for one run, which leaves nothing behind.

The store is in this process unless a Redis URL is set. The run always has its own scheduler and
workers, so on a Redis it uses its own namespace unless one is named. Ctrl-C, TERM and a timeout
cancel the run: tasks that are executing are ended, and on a Redis the run can be resumed.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from ..configuration.redis_url import redact_url, without_namespace
from ..daemon.exit_codes import ExitCode
from ..daemon.options import app_version_option, redis_options, settings_from
from ..exceptions import FlowkitError, RedisUnavailable, WaitTimeout
from .connect import CONNECT_PATIENCE_S, OUTAGE_PATIENCE_S, code_of_state, refuse_existing
from .dag_command import DAGCommand
from .inputs import (
    checked_run_id,
    dag_argument,
    json_option,
    params_options,
    read_params,
    timeout_option,
)
from .loading import load_dag

if TYPE_CHECKING:
    from ..client.client import Client
    from ..client.run_handle import RunHandle
    from ..client.run_namespace import RunNamespace
    from ..core.run_record import RunRecord
    from ..dag import DAG
    from ..processes.daemon_output import Line
    from ..settings import Settings
    from ..system import LocalSystem
    from .display import Display

CANCEL_S = 5.0  # for the executing tasks to end when the run is cancelled
EMBEDDED = (
    "Using the embedded store, because no Redis URL is set. --redis or FLOWKIT_REDIS_URL sets one."
)
HINT_EMBEDDED = (
    "The embedded store is gone with this run. On a Redis (--redis URL), a failed run can be "
    "resumed from where it failed."
)


@dataclass(frozen=True, slots=True)
class Order:
    """What to run, and how. ``resume``: resume the run ``run_id`` instead of starting a new one.

    ``is_chosen``: the user chose the id of a new run, which may exist.
    """

    app: str
    dag: DAG
    params: dict[str, object]
    run_id: str
    resume: bool
    is_chosen: bool
    settings: Settings
    namespace: str
    is_private: bool  # whether the namespace was made for this run alone
    workers: int | None
    timeout: float | None

    @property
    def checked(self) -> Settings:
        """The settings with the namespace of the run."""
        return replace(self.settings, namespace=self.namespace)

    @property
    def patience(self) -> float:
        """Seconds that a call tries to reach the store. The embedded one is always there."""
        patience = CONNECT_PATIENCE_S if self.settings.redis_url is None else OUTAGE_PATIENCE_S
        return patience if self.timeout is None else min(patience, self.timeout)


@click.command(cls=DAGCommand)
@dag_argument
@params_options
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker processes [default: one per core, at least 2].",
)
@click.option(
    "--run-id",
    callback=checked_run_id,
    metavar="ID",
    help="Id of the run. A run with this id must not exist yet.",
)
@click.option(
    "--resume",
    callback=checked_run_id,
    metavar="RUN",
    help="Resume this failed or cancelled run.",
)
@timeout_option
@json_option
@click.option("--quiet", is_flag=True, help="Hide progress and notes.")
@app_version_option
@redis_options
@click.pass_context
def run(ctx: click.Context, /, as_json: bool, quiet: bool, **options: Any) -> None:
    """Run a DAG with its own scheduler and workers, and show the results.

    Without a Redis URL, the store is in memory and ends with the command. With a URL, the run
    gets its own namespace unless --namespace or the URL names one. The namespace is deleted if the
    run succeeds, and kept for --resume otherwise. Of several URLs, only the first is used.
    """
    from .awaiting import signals_raise
    from .make_display import make_display

    order = _order(options)
    display = make_display(quiet=quiet, as_json=as_json)
    with signals_raise():
        ctx.exit(_execute(order, display, as_json=as_json))


def _order(options: dict[str, Any]) -> Order:
    from ..client.run_ids import new_run_id

    settings, named = settings_from(options), options["namespace"]
    if settings.redis_url is not None:  # the system of one run uses a single server
        first, *others = settings.redis_url.split()
        url, behind = without_namespace(first)
        # The namespace of a URL in a list belongs to a shard, which refuses to be used alone.
        settings, named = replace(settings, redis_url=url), named or (None if others else behind)
    given = read_params(options)
    resume = options["resume"]
    if resume is not None and settings.redis_url is None:
        raise click.UsageError("--resume needs --redis: the embedded store ends with its run.")
    if resume is not None and options["run_id"] is not None:
        raise click.UsageError("--run-id is for a new run, and --resume names its run: give one.")
    run_id = resume or options["run_id"] or new_run_id()
    loaded = load_dag(options["spec"], given)
    if resume is not None and loaded.params:
        raise click.UsageError("--resume keeps the run's parameters: omit -p.")
    return Order(
        app=loaded.app,
        dag=loaded.dag,
        params=loaded.params,
        run_id=run_id,
        resume=resume is not None,
        is_chosen=options["run_id"] is not None,
        settings=settings,
        namespace=named or f"run-{run_id}",
        is_private=settings.redis_url is not None and named is None,
        workers=options["workers"],
        timeout=options["timeout"],
    )


def _execute(order: Order, display: Display, *, as_json: bool) -> ExitCode:
    code: ExitCode | None = None
    if order.is_chosen and order.settings.redis_url is not None:
        refuse_existing(order.checked, order.run_id, _resume_options(order))
    try:
        with ExitStack() as stack:
            system = stack.enter_context(_system(order, display))
            handle = _start_run(order, stack.enter_context(system.client(order.patience)))
            _announce(order, system, handle, display)
            code = _follow(order, system, handle, display, as_json=as_json)
    finally:
        if order.is_private:
            _clean_up(order, delete=code is ExitCode.OK)
    return code


def _system(order: Order, display: Display) -> LocalSystem:
    from ..client.client import Client
    from ..system import LocalSystem

    if not order.resume:
        order.dag.compile_for_run(order.params)  # report mistakes before anything starts
    if order.settings.redis_url is not None:
        Client(order.checked, patience=CONNECT_PATIENCE_S).close()
    if order.resume and order.is_private:
        _namespace_of(order).keep()
    return LocalSystem(
        order.app,
        url=order.settings.redis_url,
        namespace=order.namespace,
        queues=sorted({task.policy.queue for task in order.dag.tasks}) or ["default"],
        processes=order.workers,
        allow_eviction=order.settings.allow_eviction,
        app_version=order.settings.app_version,
        on_line=lambda line: _show_line(line, order, display),
    )


def _show_line(line: Line, order: Order, display: Display) -> None:
    # This command reports the end of the run itself, so it hides that line of the scheduler.
    if line.source != "scheduler" or order.run_id not in line.text:
        display.line(line)


def _start_run(order: Order, client: Client) -> RunHandle:
    if not order.resume:
        return client.submit(order.dag, run_id=order.run_id, params=order.params)
    handle = client.run(order.run_id)
    handle.resume()
    return handle


def _announce(order: Order, system: LocalSystem, handle: RunHandle, display: Display) -> None:
    from ..basics.counted import counted

    if order.settings.redis_url is None:
        display.note(EMBEDDED)
    else:
        where = redact_url(order.settings.redis_url)
        display.note(f"Using Redis at {where}, namespace {order.namespace}.")
    tasks = counted(handle.record().total, "task")
    processes = f"{system.processes} worker process{'es' if system.processes > 1 else ''}"
    display.note(f"Run {handle.run_id} of DAG {order.dag.name!r}: {tasks}, {processes}.")


def _follow(
    order: Order, system: LocalSystem, handle: RunHandle, display: Display, *, as_json: bool
) -> ExitCode:
    """Wait for the end and print it. If the wait ends early, cancel the run."""
    from .awaiting import watch
    from .results import finish, give_up

    def look(record: RunRecord) -> None:
        system.check()
        display.look(record)

    try:
        with display.following(handle):
            record = watch(handle, order.timeout, look)
    except WaitTimeout as error:
        give_up(handle, error, _cancel(system, handle), as_json=as_json)
        return ExitCode.TIMEOUT
    except (KeyboardInterrupt, SystemExit):
        display.note("Cancelling the run. Ctrl-C again ends it at once.")
        _cancel(system, handle)
        raise
    system.stop_daemons()  # so that all output of tasks comes before the results
    finish(handle, record, display, as_json=as_json, hint=_hint(order))
    return code_of_state(record.state)


def _cancel(system: LocalSystem, handle: RunHandle) -> str:
    """Cancel the run, wait for its executing tasks to end, and return what happened."""
    try:
        with handle.shard.until(time.monotonic() + CANCEL_S):
            handle.cancel()
            with suppress(FlowkitError):
                handle.wait(CANCEL_S)
    except RedisUnavailable as error:
        return f"The run could not be cancelled: {error}"
    except FlowkitError:
        return "The run is already over."
    except KeyboardInterrupt:
        system.stop(at_once=True)
        raise
    return "The run was cancelled."


def _hint(order: Order) -> str:
    if order.settings.redis_url is None:
        return HINT_EMBEDDED
    return f"To resume it: the same command with {_resume_options(order)}."


def _resume_options(order: Order) -> str:
    name = "" if order.is_private else f" --namespace {order.namespace}"
    return f"--resume {order.run_id}{name}"


def _clean_up(order: Order, *, delete: bool) -> None:
    """Delete the namespace of this run, or keep it for ``--resume`` as long as the run, once the
    daemons have ended: the keys that they leave have no TTL."""
    namespace = _namespace_of(order)
    with suppress(RedisUnavailable):
        if delete:
            namespace.delete()
        else:
            namespace.expire(order.settings.result_ttl)


def _namespace_of(order: Order) -> RunNamespace:
    from ..client.run_namespace import RunNamespace

    return RunNamespace(
        str(order.settings.redis_url),
        order.namespace,
        patience=CONNECT_PATIENCE_S,
        read_timeout=OUTAGE_PATIENCE_S,
    )
