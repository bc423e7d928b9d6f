"""The options that say which runs are meant: the filters of the list of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .inputs import seconds_of, since_option

_F = TypeVar("_F", bound=Callable[..., Any])
NAMES = ("dag", "text", "params", "since", "until")


def _params(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return parameters by name. A click callback. Raises BadParameter."""
    pairs = [value.partition("=") for value in values]
    if not all(name and equals for name, equals, _ in pairs):
        raise click.BadParameter("write NAME=VALUE.")
    return {name: value for name, _, value in pairs}


def run_filters(command: _F) -> _F:
    """Add the options ``--dag``, ``--text``, ``--param``, ``--since`` and ``--until``."""
    text = click.option(
        "--text",
        metavar="TEXT",
        help="Only runs whose id begins so, or with this in the name of their DAG or submitter.",
    )
    params = click.option(
        "-p",
        "--param",
        "params",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_params,
        help="Only runs with this parameter. Repeatable.",
    )
    since = since_option("Only runs submitted within this time: 90s, 30m, 1h or 7d.")
    until = click.option(
        "--until",
        metavar="DURATION",
        callback=seconds_of,
        help="Only runs submitted longer ago than this: 90s, 30m, 1h or 7d.",
    )
    dag = click.option("--dag", metavar="NAME", help="Only runs of this DAG.")
    return dag(text(params(since(until(command)))))
