"""The longest time that a task is delayed and that a program waits."""

from __future__ import annotations

# Longer times are a mistake, and would exceed the precision of a sorted set.
MAX_DELAY_S = 10 * 365 * 86400.0
