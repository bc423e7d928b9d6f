"""Reaching a running system, and following one of its runs to the end."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from ..exceptions import WaitTimeout
from .daemon_options import required_shards, settings_from
from .exit_codes import ExitCode, code_of_state

if TYPE_CHECKING:
    from ..client import Client
    from ..run_handle import RunHandle

# To find out that Redis is away; and how long an outage may last while a run is followed.
CONNECT_PATIENCE_S, OUTAGE_PATIENCE_S = 2.0, 60.0


def connect(
    ctx: click.Context,
    options: dict[str, Any],
    *,
    waits: bool = False,
    timeout: float | None = None,
) -> Client:
    """Return a client that is closed with the command; ``waits``: it outlasts an outage, of at most
    ``timeout`` seconds.

    Raises UsageError without a Redis URL, RedisUnavailable, UnfitRedis.
    """
    from ..client import Client

    settings = settings_from(options)
    required_shards(settings, ctx.command_path)
    client = ctx.with_resource(Client(settings, patience=CONNECT_PATIENCE_S))
    for shard in client.shards if waits else ():
        shard.be_patient(OUTAGE_PATIENCE_S if timeout is None else min(OUTAGE_PATIENCE_S, timeout))
    return client


def refuse_timeout_alone(timeout: float | None, *, wait: bool) -> None:
    """Raise UsageError for a timeout without a wait."""
    if timeout is not None and not wait:
        raise click.UsageError("--timeout bounds the wait of --wait: give both, or neither.")


def await_end(
    handle: RunHandle, timeout: float | None, *, as_json: bool, quiet: bool = False
) -> ExitCode | None:
    """Wait for the end of a run; return an exit code if it did not come in time.

    Raises RunLost, RedisUnavailable.
    """
    from .display import make_display
    from .output import note
    from .results import give_up
    from .watch import watch

    display = make_display(quiet=quiet, as_json=as_json)
    try:
        with display:
            watch(handle, timeout, display.look, display.note)
    except WaitTimeout as error:
        hint = f"It goes on; to look at it: flowkit status {handle.run_id}"
        give_up(handle, error, hint, as_json=as_json)
        return ExitCode.TIMEOUT
    except KeyboardInterrupt:
        note(f"The run goes on. To stop it: flowkit cancel {handle.run_id}")
        raise
    return None


def follow(handle: RunHandle, timeout: float | None, *, as_json: bool) -> ExitCode:
    """Wait for the end of a run and print what came of it."""
    from .display import make_display
    from .results import finish

    late = await_end(handle, timeout, as_json=as_json)
    if late is not None:
        return late
    record = handle.record()
    display = make_display(quiet=False, as_json=as_json)
    finish(handle, record, display, as_json=as_json, hint=how_to_go_on(handle, record.failed_task))
    return code_of_state(record.state)


def how_to_go_on(handle: RunHandle, failed: int | None) -> str:
    """Return how a run is taken up again. A plain resume starts no task that must not start twice,
    and fails of it once more.
    """
    command = f"To go on where it stopped: flowkit resume {handle.run_id}"
    if failed is None:
        return command
    dag = handle.graph()
    if not dag.policy(failed).at_most_once:
        return command
    task = shlex.quote(dag.graph.names[failed])
    return f"{command} --from-task {task}, which starts once more what was to start at most once"


def tell_it_goes_on(
    ctx: click.Context, handle: RunHandle, timeout: float | None, *, wait: bool, as_json: bool
) -> None:
    """Say that a run was taken up again; ``wait``: wait for its end instead, and exit."""
    from .output import print_json, say

    tell_what_lacks(handle)
    if wait:
        ctx.exit(follow(handle, timeout, as_json=as_json))
    record = handle.record()
    if as_json:
        document = {"run_id": handle.run_id, "dag": record.dag_name, "state": record.state.value}
        print_json(document)
    else:
        say(f"Run {handle.run_id} goes on.")


def tell_what_lacks(handle: RunHandle) -> None:
    """Say so if nobody is there to carry out a run that was submitted or resumed."""
    from ..no_leader import no_leader
    from .output import note

    with handle.shard.store() as store:
        unled = no_leader(store)
        if unled:
            note(f"{unled}. So the run waits: start flowkit-scheduler.")
        if not store.alive_workers():
            note("No worker is running, so the run waits: start flowkit-worker --app …")
