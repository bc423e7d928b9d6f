"""``flowkit top``: runs, queues and workers of a running system, live.

On a terminal it is a screen that is refreshed every second, with keys to sort, to look into a run
and to cancel one. Piped, or with ``--once``, it prints the same tables once.

``activity`` comes from ``Client.activity``, whose cost does not depend on the number of runs. A
thread (``feed``) reads it, so a Redis that hangs never blocks a key; ``model`` decides what a key
does; ``screen`` draws; ``keys`` changes the terminal, and always restores it.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from ...basics.terminal import is_terminal
from ...daemon.options import redis_options
from ..connect import connect
from ..inputs import json_option, limit_option
from ..make_display import can_redraw


@click.command()
@click.option("--once", is_flag=True, help="Print the tables once. Also if output is piped.")
@click.option(
    "--interval",
    type=click.FloatRange(0.2, 3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two reads.",
)
@limit_option(50)
@json_option
@redis_options
@click.pass_context
def top(
    ctx: click.Context,
    /,
    once: bool,
    interval: float,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Show runs, queues and workers live, with keys to look into a run and to cancel it.

    Keys: arrows select a run, Enter looks into it, c cancels it, s sorts, r reverses, ? helps, q
    quits. --limit is the number of runs; unfinished ones come first.
    """
    client = connect(ctx, options)
    if as_json or once or not _has_screen():
        from .once import print_json, print_once

        activity = client.activity(limit)
        if as_json:
            print_json(activity)
        else:
            print_once(activity)
        return
    from .loop import run_screen

    run_screen(client, limit, interval)


def _has_screen() -> bool:
    return is_terminal(sys.stdin) and is_terminal(sys.stdout) and can_redraw()
