"""Connect to a running system, and follow one of its runs to the end."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from ..core.states import RunState
from ..daemon.exit_codes import ExitCode
from ..daemon.options import required_shards, settings_from
from ..exceptions import RunAlreadyOver, RunExists, RunNotFound, WaitTimeout

if TYPE_CHECKING:
    from ..client.client import Client
    from ..client.run_handle import RunHandle
    from ..core.run_record import RunRecord
    from ..settings import Settings
    from .display import Display

    Lines = Callable[[RunHandle, Display], AbstractContextManager[None]]

# Until Redis counts as unreachable, and how long an outage may last while a run is followed.
CONNECT_PATIENCE_S, OUTAGE_PATIENCE_S = 2.0, 60.0


def connect(
    ctx: click.Context,
    options: dict[str, Any],
    *,
    waits: bool = False,
    timeout: float | None = None,
) -> Client:
    """Return a client that is closed when the command ends.

    ``waits``: tolerate an outage, of at most ``timeout`` seconds. Raises UsageError without a Redis
    URL, RedisUnavailable, UnfitRedis.
    """
    from ..client.client import Client

    settings = settings_from(options)
    required_shards(settings, ctx.command_path)
    client = ctx.with_resource(Client(settings, patience=CONNECT_PATIENCE_S))
    for shard in client.shards if waits else ():
        shard.be_patient(OUTAGE_PATIENCE_S if timeout is None else min(OUTAGE_PATIENCE_S, timeout))
    return client


def connect_to_run(
    ctx: click.Context,
    options: dict[str, Any],
    name: str,
    *,
    waits: bool = False,
    timeout: float | None = None,
) -> RunHandle:
    """Return the run that the user has named: by its id, the beginning of it, or ``last``.

    Raises what ``connect`` and ``find_run`` raise.
    """
    from ..client.run_names import find_run

    return find_run(connect(ctx, options, waits=waits, timeout=timeout), name)


def refuse_timeout_alone(timeout: float | None, *, wait: bool) -> None:
    """Raise UsageError for a timeout without a wait."""
    if timeout is not None and not wait:
        raise click.UsageError("--timeout limits the wait of --wait: give both, or neither.")


def no_lines(handle: RunHandle, display: Display) -> AbstractContextManager[None]:
    """Show nothing of what tasks print."""
    return nullcontext()


def await_end(
    handle: RunHandle,
    timeout: float | None,
    *,
    as_json: bool,
    quiet: bool = False,
    with_lines: Lines = no_lines,
) -> ExitCode | None:
    """Wait for the end of a run. Return an exit code on timeout, None otherwise.

    ``with_lines``: shows what the tasks print, meanwhile.
    Raises RunLost, RedisUnavailable.
    """
    from .awaiting import watch
    from .make_display import make_display
    from .output import note
    from .results import give_up

    display = make_display(quiet=quiet, as_json=as_json)
    try:
        with display.following(handle), with_lines(handle, display):
            watch(handle, timeout, display.look, display.note)
    except WaitTimeout as error:
        hint = f"The run continues. To see its state: flowkit status {handle.run_id}"
        give_up(handle, error, hint, as_json=as_json)
        return ExitCode.TIMEOUT
    except KeyboardInterrupt:
        note(f"The run continues. To cancel it: flowkit cancel {handle.run_id}")
        raise
    return None


def follow(
    handle: RunHandle, timeout: float | None, *, as_json: bool, with_lines: Lines = no_lines
) -> ExitCode:
    """Wait for the end of a run and print its outcome. ``with_lines``: see ``await_end``."""
    from .make_display import make_display
    from .results import finish

    late = await_end(handle, timeout, as_json=as_json, with_lines=with_lines)
    if late is not None:
        return late
    record = handle.record()
    display = make_display(quiet=False, as_json=as_json)
    finish(handle, record, display, as_json=as_json, hint=resume_hint(handle, record.failed_task))
    return code_of_state(record.state)


def code_of_state(state: RunState) -> ExitCode:
    """Return the exit code of a command that waited for a run."""
    return ExitCode.OK if state is RunState.SUCCEEDED else ExitCode.FAILED


def resume_hint(handle: RunHandle, failed: int | None) -> str:
    """Return the command that resumes a run. ``failed``: the number of the failed task.

    A plain resume never restarts an at-most-once task, so the run would fail again.
    """
    command = f"To resume it: flowkit resume {handle.run_id}"
    dag = handle.graph()
    if failed is None or not dag.is_valid(failed):
        return command
    if not dag.policy(failed).at_most_once:
        return command
    task = shlex.quote(dag.task_name(failed))
    return f"{command} --from-task {task}, which starts this at-most-once task a second time"


def note_existing(handle: RunHandle) -> None:
    """Print that a run which was to be submitted exists. Raises RunAlreadyOver if it has failed."""
    from .output import note

    record = handle.record()
    text = f"run {handle.run_id!r} already exists: {_what_it_did(record)}"
    if record.state not in (RunState.FAILED, RunState.CANCELLED):
        note(f"No other run was submitted: {text}.")
        return
    hint = resume_hint(handle, record.failed_task)
    raise RunAlreadyOver(
        handle.run_id, f"{text}. {hint}. For another run, give another --run-id, or none"
    )


def refuse_existing(settings: Settings, run_id: str, resume: str) -> None:
    """Raise RunExists if there is a run with this id. ``resume``: the options that resume it."""
    from ..client.client import Client

    with Client(settings, patience=CONNECT_PATIENCE_S) as client:
        try:
            record = client.run(run_id).record()
        except RunNotFound:
            return
    over = record.state in (RunState.FAILED, RunState.CANCELLED)
    hint = f"To resume it: the same command with {resume} instead of --run-id. " if over else ""
    raise RunExists(
        run_id,
        f"run {run_id!r} already exists: {_what_it_did(record)}. {hint}For another run, give "
        "another --run-id, or none",
    )


def _what_it_did(record: RunRecord) -> str:
    from .output import local_time

    if record.state is RunState.RUNNING:
        return f"it is running since {local_time(record.submitted_ms / 1000)}"
    did = "was cancelled" if record.state is RunState.CANCELLED else record.state.value
    return f"it {did} at {local_time((record.finished_ms or record.submitted_ms) / 1000)}"


def report_resumed(
    ctx: click.Context, handle: RunHandle, timeout: float | None, *, wait: bool, as_json: bool
) -> None:
    """Print that a run was resumed. ``wait``: wait for its end instead, and exit."""
    from ..client.documents.runs import Changed
    from .output import say
    from .print_json import print_document

    note_missing_daemons(handle)
    if wait:
        ctx.exit(follow(handle, timeout, as_json=as_json))
    record = handle.record()
    if as_json:
        state = record.state.value
        print_document(Changed(run_id=handle.run_id, dag=record.dag_name, state=state))
    else:
        say(f"Resumed run {handle.run_id}.")


def note_missing_daemons(handle: RunHandle) -> None:
    """Print a note if no scheduler or no worker can execute a submitted or resumed run."""
    from .output import note

    reason = handle.shard.why_leaderless()
    if reason:
        note(f"{reason}. The run waits: start flowkit-scheduler.")
    if not handle.shard.workers():
        note("No worker is running, so the run waits: start flowkit-worker --app …")
