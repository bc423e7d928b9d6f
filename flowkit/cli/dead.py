"""``flowkit dead``: list, show and retry tasks that failed for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..basics.counted import counted
from ..core.numbering import labelled
from ..daemon.options import redis_options
from .connect import connect, refuse_timeout_alone, report_resumed
from .inputs import (
    complete_task,
    json_option,
    limit_option,
    run_argument,
    since_option,
    tasks_argument,
    timeout_option,
    wait_option,
)

if TYPE_CHECKING:
    from ..client.dead_letters import DeadLetter, OpenedLetter

LONGEST_PARAM = 500  # characters shown of a parameter


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def dead() -> None:
    """List, show and retry tasks that failed for good."""


@dead.command()
@click.option("--dag", metavar="NAME", help="Only tasks of this DAG.")
@since_option("Only failures within this time: 90s, 30m, 1h or 7d.")
@click.option(
    "--items", is_flag=True, help="List each item of a mapped task, and each task of child runs."
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
    items: bool,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """List tasks that failed for good, newest failure first.

    Items of a mapped task are one line, and so are tasks that failed because of a child run.
    """
    from ..client.documents.make_dead import letters_document
    from .output import note, note_more, print_damaged, print_table
    from .print_json import print_document

    letters = connect(ctx, options).dead_letters(dag, since, limit, fold=not items)
    if as_json:
        print_document(letters_document(letters))
        return
    if not letters and not letters.damaged:
        note("No failed tasks were found.")
        return
    columns = ["RUN", "TASK", "DAG", "FAILED", "ATTEMPT", "CHILD OF", "ERROR"]
    print_table(columns, [_row(letter) for letter in letters])
    print_damaged(letters.damaged, "RUN")
    note_more(len(letters), None, more=letters.more)


@dead.command()
@run_argument
@click.argument("task", shell_complete=complete_task)
@json_option
@redis_options
@click.pass_context
def show(ctx: click.Context, /, run_id: str, task: str, as_json: bool, **options: Any) -> None:
    """Show the details of one TASK of RUN that failed for good."""
    from ..client.documents.make_dead import letter_document
    from ..client.run_names import find_run
    from .print_json import print_document

    client = connect(ctx, options)
    opened = client.dead_letter(find_run(client, run_id).run_id, task)
    if as_json:
        print_document(letter_document(opened))
    else:
        _show(opened)


@dead.command()
@run_argument
@tasks_argument
@wait_option
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
    """Retry failed tasks of RUN: the named ones, or all.

    This resumes the run. It also restarts at-most-once tasks: check first whether their work was
    done.
    """
    from ..client.run_names import find_run

    refuse_timeout_alone(timeout, wait=wait)
    client = connect(ctx, options, waits=wait, timeout=timeout)
    handle = client.retry_dead(find_run(client, run_id).run_id, *tasks)
    report_resumed(ctx, handle, timeout, wait=wait, as_json=as_json)


def _row(letter: DeadLetter) -> list[str]:
    from .output import local_time

    return [
        letter.run_id,
        labelled(letter.task, letter.label)
        + (f" and {counted(letter.others, 'more item')}" if letter.others else "")
        + (f" and {counted(letter.below, 'task')} below it" if letter.below else ""),
        letter.dag_name,
        local_time(letter.failed),
        str(letter.attempt or ""),
        _parent(letter),
        _first_line(f"{letter.error_type}: {letter.error_message}"),
    ]


def _parent(letter: DeadLetter) -> str:
    return f"{letter.parent_run}, task {letter.parent_task}" if letter.parent_run else ""


def _show(opened: OpenedLetter) -> None:
    from ..codec.plain import plain
    from .output import cut, indented, local_time, note, say, say_indented
    from .results import hint_after

    letter = opened.letter
    say(f"Run:      {letter.run_id}")
    say(f"DAG:      {letter.dag_name}")
    say(f"Task:     {letter.task}" + (" (at most once)" if letter.at_most_once else ""))
    if letter.label:
        say(f"Label:    {indented(letter.label)}")
    if letter.parent_run:
        say(f"Child of: {_parent(letter)}")
    attempt = f", attempt {letter.attempt}" if letter.attempt else ""  # a mapped task makes none
    say(f"Failed:   {local_time(letter.failed)}{attempt}")
    if letter.worker:
        say(f"Worker:   {letter.worker}")
    for name, value in opened.params.items():
        say(indented(f"Param:    {name} = {cut(repr(plain(value)), LONGEST_PARAM)}"))
    if opened.damaged:
        say(f"Damaged:  {indented(opened.damaged)}")
    for name, size in opened.inputs.items():
        say(f"Input:    {name}, {f'{size} bytes' if size else 'None'}")
    say(indented(f"Error:    {letter.error_type}: {letter.error_message}"))
    if opened.traceback:
        say("")
        say_indented(opened.traceback.rstrip())
    if letter.at_most_once:
        note("It may have done its work: check before you retry it.")
    retry = f"To retry it: flowkit retry {letter.run_id} {_quoted(letter.task)}"
    note(hint_after(letter.error_type, retry))


def _quoted(task: str) -> str:
    import shlex

    return shlex.quote(task)


def _first_line(text: str, limit: int = 80) -> str:
    from .output import cut

    return cut(text.split("\n", 1)[0], limit)
