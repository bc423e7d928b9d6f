"""``flowkit why``: why a run or a task is not over, or how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..core.numbering import labelled
from ..daemon.options import redis_options
from .connect import connect_to_run
from .inputs import complete_task, json_option, run_argument

if TYPE_CHECKING:
    from ..core.explain import CauseGroup, Explanation


@click.command()
@run_argument
@click.argument("task", required=False, metavar="[TASK]", shell_complete=complete_task)
@json_option
@redis_options
@click.pass_context
def why(
    ctx: click.Context, /, run_id: str, task: str | None, as_json: bool, **options: Any
) -> None:
    """Say why a run, or one of its tasks, is not over, or how it ended.

    For a run, tasks are grouped by the cause that holds them up. The first cause is the one to look
    at first.
    """
    explanation = connect_to_run(ctx, options, run_id).explain(task)
    if as_json:
        from ..client.documents.make_why import why_document
        from .print_json import print_document

        print_document(why_document(explanation))
        return
    _show(explanation)


def _show(explanation: Explanation) -> None:
    from .output import say

    say(explanation.sentence)
    if explanation.command:
        say(f"What helps: {explanation.command}")
    if explanation.task or not explanation.causes:
        return
    say("")
    for group in explanation.causes:
        _show_group(group, explanation.sentence)
    failure = explanation.failure
    if failure is not None:
        error = f": {failure.error}" if failure.error else ""
        first = labelled(failure.task, failure.label)
        say(f"{failure.failed:>7,}  failed, first {first!r}{error}")
        if failure.upstream_failed:
            say(f"{failure.upstream_failed:>7,}  did not run, since a task upstream failed")


def _show_group(group: CauseGroup, printed: str) -> None:
    """Print one cause: how many tasks it holds up, and why, unless that was printed before."""
    from .output import say, say_indented

    through = group.count - group.direct
    more = f", {through:,} of them through other tasks" if through else ""
    say(f"{group.count:>7,}  {group.cause.replace('_', ' ')}{more}")
    if group.sentence != printed:
        say_indented(f"     {group.sentence}")
