"""Arguments and options that several commands have."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..daemon.options import Seconds

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from .given import Given

_F = TypeVar("_F", bound=Callable[..., Any])


def params_options(command: _F) -> _F:
    """Add the options for parameters; ``read_params`` reads both."""
    param = click.option(
        "-p",
        "--param",
        "texts",
        metavar="KEY=VALUE",
        multiple=True,
        help="Run parameter. VALUE is converted to the type that the task annotates (see `flowkit "
        "params`). KEY=@FILE reads VALUE from a file; KEY=@@TEXT is the text @TEXT.",
    )
    params_file = click.option(
        "--params-file",
        metavar="FILE",
        help="Read run parameters from a JSON object in this file, - for standard input. Those of "
        "-p take precedence.",
    )
    return param(params_file(command))


def read_params(options: dict[str, Any]) -> Given:
    """Take the options of ``params_options`` out of ``options`` and read them."""
    from .given import parse_params

    return parse_params(options.pop("texts"), options.pop("params_file"))


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

wait_option = click.option("--wait", is_flag=True, help="Wait for the end and print the results.")

timeout_option = click.option(
    "--timeout",
    type=Seconds(min_open=True),
    metavar="SECONDS",
    help="Wait at most this long.",
)


def limit_option(default: int) -> Callable[[_F], _F]:
    """Return the option ``--limit`` of a list."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        metavar="N",
        help="Maximum number of entries.",
    )


def seconds_of(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return a duration such as 90, 90s, 30m, 1h or 7d in seconds. Raises BadParameter."""
    from ..configuration.quantities import duration

    if value is None:
        return None
    seconds = duration(value)
    if not seconds:
        raise click.BadParameter(f"{value!r} is not a duration: write 90s, 30m, 1h or 7d.")
    return seconds


def since_option(text: str) -> Callable[[_F], _F]:
    """Return the option ``--since`` of a list, with this help."""
    return click.option("--since", metavar="DURATION", callback=seconds_of, help=text)


def checked_run_id(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the run id if it is valid. A click callback. Raises BadParameter."""
    from ..client.run_ids import check_run_id

    try:
        return None if value is None else check_run_id(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _complete_runs(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from .completion import complete_runs

    return complete_runs(ctx, incomplete)


def complete_task(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the tasks of the run that was named before."""
    from .completion import complete_tasks

    return complete_tasks(ctx, incomplete)


run_argument = click.argument(
    "run_id", metavar="RUN", callback=checked_run_id, shell_complete=_complete_runs
)
optional_run_argument = click.argument(
    "run_id",
    metavar="[RUN]",
    required=False,
    callback=checked_run_id,
    shell_complete=_complete_runs,
)
tasks_argument = click.argument(
    "tasks", nargs=-1, metavar="[TASK]...", shell_complete=complete_task
)
dag_argument = click.argument("spec", metavar="FILE_OR_MODULE[:DAG]")
dag_or_run = click.argument("spec", metavar="[FILE_OR_MODULE[:DAG]]", required=False)


def again_option(text: str) -> Callable[[_F], _F]:
    """Return the option ``--again`` of a command that also takes a DAG, with this help."""
    return click.option(
        "--again",
        metavar="RUN",
        callback=checked_run_id,
        shell_complete=_complete_runs,
        help=text,
    )


def refuse_both(spec: str | None, again: str | None) -> None:
    """Raise UsageError unless there is either a DAG or an earlier run."""
    if (spec is None) == (again is None):
        raise click.UsageError(
            "Give either a file or a module with the DAG, or --again RUN for the DAG of that run."
        )


def confirm(what: str, *, yes: bool, verb: str = "delete") -> None:
    """Ask before something is done. Without a terminal, only ``--yes`` says that it is meant.

    ``verb``: what is done. Raises UsageError without a terminal, Abort if the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"There is no terminal to ask on. To {verb} {what} without a confirmation, give --yes; "
            f"to see what the command would {verb}, --dry-run."
        )
    click.confirm(f"{verb.capitalize()} {what}?", abort=True, err=True)
