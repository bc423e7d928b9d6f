"""``flowkit completion``: the script for a shell that completes commands, runs and tasks.

The ids are those of the newest runs on the Redis of the settings. If it does not answer soon,
nothing is completed: a shell that hangs at the press of Tab is worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from ..basics.display_text import escape_text

if TYPE_CHECKING:
    from ..client.client import Client

PATIENCE_S = 0.5
MOST_IDS = 50
_ADD_TO = {
    "bash": 'eval "$(flowkit completion bash)"  # in ~/.bashrc',
    "zsh": 'eval "$(flowkit completion zsh)"  # in ~/.zshrc',
    "fish": "flowkit completion fish | source  # in ~/.config/fish/config.fish",
}


@click.command(epilog="\b\n" + "\n".join(_ADD_TO.values()))
@click.argument("shell", type=click.Choice(list(_ADD_TO)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script for a shell, which completes commands, options, runs and their tasks."""
    from .output import say

    of_shell = get_completion_class(shell)
    if of_shell is None:
        raise click.UsageError(f"this release of click completes nothing in {shell}.")
    made = of_shell(ctx.find_root().command, {}, "flowkit", "_FLOWKIT_COMPLETE")
    say(made.source().strip("\n"))


def complete_tasks(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the tasks that begin so, of the run that was named before, at most ``MOST_IDS``."""
    try:
        names = _tasks(ctx, incomplete)
    except Exception:
        return []
    found = [name for name in names if name.startswith(incomplete) and name == escape_text(name)]
    return [CompletionItem(name) for name in found[:MOST_IDS]]


def complete_runs(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the ids of the newest runs that begin so, with their DAGs and states."""
    try:
        runs = _newest_runs(ctx)
    except Exception:  # a shell shows whatever is printed in the middle of the user's line
        return []
    return [
        CompletionItem(run.run, help=escape_text(f"{run.dag_name}, {run.state.value}"))
        for run in runs
        if run.run.startswith(incomplete)
    ]


def _newest_runs(ctx: click.Context) -> list[Any]:
    with _client(ctx) as client:
        return [] if client is None else list(client.runs(MOST_IDS))


def _tasks(ctx: click.Context, incomplete: str) -> Sequence[str]:
    from ..client.run_names import find_run

    with _client(ctx) as client:
        return () if client is None else find_run(client, ctx.params["run_id"]).names(incomplete)


def _client(ctx: click.Context) -> AbstractContextManager[Client | None]:
    """Return a client with little patience, None without a Redis URL."""
    from ..client.client import Client
    from ..daemon.options import settings_from

    given = {name: ctx.params.get(name) for name in ("redis_url", "namespace", "allow_eviction")}
    settings = settings_from(given, uses_redis=False)
    return nullcontext() if settings.redis_url is None else Client(settings, patience=PATIENCE_S)
