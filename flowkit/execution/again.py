"""Which tasks may come again: the same on workers and in a run in one process."""

from __future__ import annotations

from ..basics.again import Again
from ..basics.counted import counted
from ..core.retry import Policy
from ..core.triggers import HOOKS
from ..exceptions import AgainLimit, IllegalValue


def why_not_again(name: str, policy: Policy, again: Again, times: int) -> Exception | None:
    """Return the error of a task that must not come again, None if it may.

    ``times``: how often it has come again so far.
    """
    if policy.trigger in HOOKS:
        return IllegalValue(
            f"Hook {name!r} returned flowkit.again(…), and a hook is called only once. Wait in a "
            "task of the DAG instead."
        )
    if policy.at_most_once:
        return IllegalValue(
            f"Task {name!r} returned flowkit.again(…), but it must start at most once "
            "(at_most_once=True), so it cannot come again. Remove that option, or put what waits "
            "into a separate task."
        )
    if again.times is not None and times >= again.times:
        return AgainLimit(
            f"Task {name!r} is not done, and it has come again {counted(times, 'time')}, as often "
            f"as flowkit.again(times={again.times}) allows. Allow more, or a longer delay; or let "
            "it return a result or raise an error when current_attempt().times is high enough."
        )
    return None
