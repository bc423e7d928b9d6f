"""``flowkit dead``: the tasks that failed for good, what is known of them, and another try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .connect import connect, refuse_timeout_alone, tell_it_goes_on
from .daemon_options import redis_options
from .inputs import json_option, limit_option, run_argument, timeout_option

if TYPE_CHECKING:
    from ..dead_letters import DeadLetter, OpenedLetter

LONGEST_PARAM = 500  # characters of a parameter that are shown


def seconds_of(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return a duration such as 90, 90s, 30m, 1h or 7d in seconds. Raises BadParameter."""
    from ..settings import duration

    if value is None:
        return None
    found = duration(value)
    if not found:
        raise click.BadParameter(f"{value!r} is no duration: write 90s, 30m, 1h or 7d.")
    return found


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def dead() -> None:
    """Tasks that failed for good: list them, look at one, try again."""


@dead.command()
@click.option("--dag", metavar="NAME", help="Only those of DAGs of this name.")
@click.option(
    "--since",
    metavar="DURATION",
    callback=seconds_of,
    help="Only failures of the last 90s, 30m, 1h, 7d.",
)
@limit_option(50)
@json_option
@redis_options
@click.pass_context
def ls(
    ctx: click.Context,
    /,
    dag: str | None,
    since: float | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """List tasks that failed for good, the newest failure first."""
    from .output import damaged_documents, note, print_damaged, print_json, print_table

    found = connect(ctx, options).dead_letters(dag, since, limit)
    if as_json:
        documents = [_document(letter) for letter in found]
        print_json([*documents, *damaged_documents(found.damaged, "run_id")])
        return
    if not found and not found.damaged:
        note("No task has failed for good, as far as is kept here.")
        return
    columns = ["RUN", "TASK", "DAG", "FAILED", "ATTEMPT", "ERROR"]
    print_table(columns, [_row(letter) for letter in found])
    print_damaged(found.damaged, "RUN")
    if len(found) == limit:
        note(f"These are the newest {limit}; --limit shows more.")


@dead.command()
@run_argument
@click.argument("task")
@json_option
@redis_options
@click.pass_context
def show(ctx: click.Context, /, run_id: str, task: str, as_json: bool, **options: Any) -> None:
    """Show all that is known of one TASK of RUN that failed for good."""
    from .output import print_json

    found = connect(ctx, options).dead_letter(run_id, task)
    if as_json:
        more = {"traceback": found.traceback, "params": found.params, "inputs": found.inputs}
        damaged = {"damaged": found.damaged} if found.damaged else {}
        print_json({**_document(found.letter), **more, **damaged})
    else:
        _show(found)


@dead.command()
@run_argument
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option("--wait", is_flag=True, help="Wait for the end and print the results.")
@timeout_option
@json_option
@redis_options
@click.pass_context
def retry(
    ctx: click.Context,
    /,
    run_id: str,
    tasks: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Take RUN up again from these failed tasks, without a name from all of them.

    This starts a task with at_most_once again as well: look first whether its work was done.
    """
    refuse_timeout_alone(timeout, wait=wait)
    client = connect(ctx, options, waits=wait, timeout=timeout)
    handle = client.retry_dead(run_id, *tasks)
    tell_it_goes_on(ctx, handle, timeout, wait=wait, as_json=as_json)


def _row(letter: DeadLetter) -> list[str]:
    from .output import local_time

    return [
        letter.run_id,
        letter.task,
        letter.dag_name,
        local_time(letter.failed),
        str(letter.attempt),
        _first_line(f"{letter.error_type}: {letter.error_message}"),
    ]


def _document(letter: DeadLetter) -> dict[str, object]:
    from .output import utc

    return {
        "run_id": letter.run_id,
        "dag": letter.dag_name,
        "task": letter.task,
        "attempt": letter.attempt,
        "worker": letter.worker,
        "failed": utc(letter.failed),
        "error_type": letter.error_type,
        "error_message": letter.error_message,
        "at_most_once": letter.at_most_once,
    }


def _show(found: OpenedLetter) -> None:
    from .output import cut, indented, local_time, note, say, say_indented
    from .plain import plain
    from .results import hint_after

    letter = found.letter
    say(f"Run:      {letter.run_id}")
    say(f"DAG:      {letter.dag_name}")
    say(f"Task:     {letter.task}" + (" (at most once)" if letter.at_most_once else ""))
    say(f"Failed:   {local_time(letter.failed)}, attempt {letter.attempt}")
    say(f"Worker:   {letter.worker}")
    for name, value in found.params.items():
        say(indented(f"Param:    {name} = {cut(repr(plain(value)), LONGEST_PARAM)}"))
    if found.damaged:
        say(f"Damaged:  {indented(found.damaged)}")
    for name, size in found.inputs.items():
        say(f"Input:    {name}, {f'{size} bytes' if size else 'None'}")
    say(indented(f"Error:    {letter.error_type}: {letter.error_message}"))
    if found.traceback:
        say("")
        say_indented(found.traceback.rstrip())
    if letter.at_most_once:
        note("It may have done its work: look before you have it started again.")
    retry = f"To try again: flowkit dead retry {letter.run_id} {_quoted(letter.task)}"
    note(hint_after(letter.error_type, retry))


def _quoted(task: str) -> str:
    import shlex

    return shlex.quote(task)


def _first_line(text: str, limit: int = 80) -> str:
    from .output import cut

    return cut(text.split("\n", 1)[0], limit)
