"""``flowkit run``: a whole system for one run, and nothing of it left behind.

The store is in this process unless a Redis URL is set; scheduler and worker are always its own, so
on a Redis it keeps to a namespace of its own unless one is named. Ctrl-C, TERM and a timeout
cancel the run: what its tasks are executing is ended, and on a Redis it can be resumed.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..exceptions import FlowkitError, WaitTimeout
from .daemon_options import redis_options, settings_from
from .exit_codes import ExitCode, code_of_state
from .inputs import dag_argument, json_option, load_dag, params_option, parse_params, timeout_option

if TYPE_CHECKING:
    from ..dag import DAG
    from ..protocol.client_store import RunRecord
    from ..run_handle import RunHandle
    from ..settings import Settings
    from ..system import LocalSystem
    from .display import Display

CANCEL_S = 5.0  # for the running tasks to be ended when the run is cancelled
EMBEDDED = (
    "Using the embedded store (no Redis URL is set); --redis or FLOWKIT_REDIS_URL uses a real one."
)
HINT_EMBEDDED = (
    "The embedded store is gone with this run. On a real one (--redis URL), a run that failed can "
    "be taken up again where it stopped."
)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, and how. ``resume``: run id to take up again instead of a new run."""

    app: str
    dag: DAG
    params: dict[str, object]
    run_id: str
    resume: bool
    settings: Settings
    namespace: str
    workers: int | None
    timeout: float | None


@click.command()
@dag_argument
@params_option
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker processes [default: one per core, at least 2].",
)
@click.option("--resume", metavar="RUN", help="Take this failed or cancelled run up again.")
@timeout_option
@json_option
@click.option("--quiet", is_flag=True, help="Show no progress and no notes.")
@click.option("--allow-eviction", is_flag=True, default=None, hidden=True)
@redis_options
@click.pass_context
def run(ctx: click.Context, as_json: bool, quiet: bool, **options: Any) -> None:
    """Run a DAG with a scheduler and workers of its own, and show the results.

    Without a Redis URL the store is in memory, for as long as the command runs. With one, the run
    gets the namespace run-ID unless --namespace names another.
    """
    from .display import make_display
    from .watch import signals_raise

    order = _order(options)
    display = make_display(quiet=quiet, as_json=as_json)
    with signals_raise():
        ctx.exit(_carry_out(order, display, as_json=as_json))


def _order(options: dict[str, Any]) -> Order:
    from ..client import check_run_id, new_run_id

    settings = settings_from(options)
    params = parse_params(options["given"])
    resume = options["resume"]
    if resume is not None and settings.redis_url is None:
        raise click.UsageError("--resume needs --redis: an embedded store ends with its run.")
    if resume is not None and params:
        raise click.UsageError("--resume keeps the run's parameters: leave -p out.")
    try:
        run_id = new_run_id() if resume is None else check_run_id(resume)
    except ValueError as error:
        raise click.UsageError(f"--resume: {error}") from None
    app, dag = load_dag(options["spec"])
    return Order(
        app=app,
        dag=dag,
        params=params,
        run_id=run_id,
        resume=resume is not None,
        settings=settings,
        namespace=options["namespace"] or (f"run-{run_id}"[:64] if settings.redis_url else "flowkit"),
        workers=options["workers"],
        timeout=options["timeout"],
    )


def _carry_out(order: Order, display: Display, *, as_json: bool) -> ExitCode:
    from .results import finish

    with ExitStack() as stack:
        system = _system(order, display)
        with display:
            stack.enter_context(system)
            handle = _begin(order, system, stack)
            _announce(order, system, display)
            try:
                record = _wait(order, system, handle, display)
            except WaitTimeout as error:
                _cancel(system, handle)
                return _timed_out(handle, error, as_json=as_json)
            except (KeyboardInterrupt, SystemExit):
                display.note("Cancelling the run; Ctrl-C again ends it at once.")
                _cancel(system, handle)
                raise
        finish(handle, record, display, as_json=as_json, hint=_hint(order))
        return code_of_state(record.state)


def _system(order: Order, display: Display) -> LocalSystem:
    from ..system import LocalSystem

    policies = order.dag.compile_for_run(order.params).policies if not order.resume else ()
    queues = {task.policy().queue for task in order.dag.tasks} if order.resume else set()
    return LocalSystem(
        order.app,
        url=order.settings.redis_url,
        namespace=order.namespace,
        queues=sorted(queues | {policy.queue for policy in policies}) or ["default"],
        processes=order.workers,
        allow_eviction=order.settings.allow_eviction,
        on_line=display.line,
    )
