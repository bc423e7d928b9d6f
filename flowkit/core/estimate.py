"""How much longer a run takes, estimated from its own pace and from how earlier runs went.

A ``Pace`` says when each part of an earlier run had ended, so that a run whose last task takes an
hour is not expected to end a moment after its first thousand tasks. The estimate scales it by how
much faster or slower this run is so far. Without an earlier run, the rest is expected to take as
long per task as the tasks before. Pure: times are seconds since the submission.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_DONE, LEAST_S = 3, 1.0  # before that, a run's own pace says little
MOST_FASTER, MOST_SLOWER = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """When the tasks of an earlier run ended, in order; at least one. A sample will do."""

    ended: tuple[float, ...]

    def at(self, fraction: float) -> float:
        """Return when this part of the tasks had ended, 0 for none."""
        place = min(max(fraction, 0.0), 1.0) * len(self.ended)
        whole = int(place)
        before = self.ended[whole - 1] if whole else 0.0
        if whole == len(self.ended):
            return before
        return before + (self.ended[whole] - before) * (place - whole)

    def left(self, fraction: float) -> float:
        """Return how much longer that run took when this part of its tasks had ended."""
        return max(0.0, self.ended[-1] - self.at(fraction))


def pace_of(ended: Sequence[float]) -> Pace | None:
    """Return the pace of a run whose tasks ended at these times; None if there is none."""
    times = sorted(time for time in ended if time >= 0)
    return Pace(tuple(times)) if times else None


def seconds_left(
    done: int, total: int, elapsed: float, changed: float, earlier: Sequence[Pace] = ()
) -> float | None:
    """Return how many seconds a run will take from now on, None if nothing can be said.

    ``done`` of ``total`` tasks have ended, the last of them at ``changed``; now is ``elapsed``.
    None is also returned when the run takes longer than expected.
    """
    if done >= total:
        return None
    if earlier:
        left = _median([_scaled(pace, done / total, changed) for pace in earlier])
    elif done >= LEAST_DONE and changed >= LEAST_S:
        left = changed * (total - done) / done
    else:
        return None
    left -= elapsed - changed
    return left if left > 0 else None


def _scaled(pace: Pace, fraction: float, changed: float) -> float:
    """Return what is left by an earlier run, at the speed of this one.

    The further a run is, the more its own speed counts.
    """
    expected = pace.at(fraction)
    ratio = changed / expected if expected > 0 and changed > 0 else 1.0
    ratio = min(max(ratio, MOST_FASTER), MOST_SLOWER)
    return pace.left(fraction) * (1 + (ratio - 1) * fraction)


def _median(numbers: list[float]) -> float:
    numbers.sort()
    middle = len(numbers) // 2
    return (numbers[middle] + numbers[-1 - middle]) / 2


def rate(samples: Sequence[tuple[float, int]]) -> float:
    """Return the tasks per second between the first and the last (time, number done)."""
    if len(samples) < 2:
        return 0.0
    seconds = samples[-1][0] - samples[0][0]
    return max(0.0, (samples[-1][1] - samples[0][1]) / seconds) if seconds > 0 else 0.0


def first_within(samples: Sequence[tuple[float, int]], since: float) -> int:
    """Return the position of the last sample at or before ``since``, 0 if there is none."""
    return max(0, bisect_right(samples, since, key=lambda sample: sample[0]) - 1)
