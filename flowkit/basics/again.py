"""``again``: what a task returns to start again later.

The value is known to the codec, which refuses it within a result, and to all that makes attempts.
"""

from __future__ import annotations

from dataclasses import dataclass

from .durations import MAX_DELAY_S

MAX_TIMES = 999_999_999


@dataclass(frozen=True, slots=True)
class Again:
    """What ``flowkit.again(…)`` returns: the running task has no result yet and starts again.

    ``delay``: in how many seconds. ``memory``: what the next attempt gets as
    ``current_attempt().memory``. ``times``: how often the task may come again, None for no limit.
    """

    delay: float
    memory: object = None
    times: int | None = None


def again(delay: float, *, memory: object = None, times: int | None = None) -> Again:
    """Return this from a task that is not done yet: it starts again after ``delay`` seconds.

        @task
        def poll(job):
            state = ask(job)
            return state if state.is_over else flowkit.again(delay=60)

    The attempt ends, so the task holds no worker while it waits. It has neither failed nor
    succeeded: no retry is spent, and each time it comes again, it has all of its retries.

    ``memory``: the next attempt gets it as ``current_attempt().memory``, for example a cursor. It
    may be any value that can be a result. ``times``: how often the task may come again; the next
    time, it fails with AgainLimit. ``current_attempt().times`` says how often it has.

    Raises TypeError or ValueError for a delay that is not 0 seconds to 10 years, and for ``times``
    that is not a whole number of at least 1.
    """
    if not isinstance(delay, int | float) or isinstance(delay, bool):
        raise TypeError(f"again(delay=…) takes a number of seconds, not {delay!r}.")
    if not 0 <= delay <= MAX_DELAY_S:
        raise ValueError(
            f"again(delay=…) takes 0 to {MAX_DELAY_S:.0f} seconds (10 years), not {delay!r}."
        )
    if times is not None and (not isinstance(times, int) or isinstance(times, bool)):
        raise TypeError(f"again(times=…) takes a whole number or None, not {times!r}.")
    if times is not None and not 1 <= times <= MAX_TIMES:
        raise ValueError(
            f"again(times=…) takes 1 to {MAX_TIMES:,}, not {times!r}: it is how often the task may "
            "come again. To end it, return a result or raise an error."
        )
    return Again(float(delay), memory, times)
