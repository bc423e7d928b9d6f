"""``spent``: the field of a task's record with its uncounted attempts and its flags.

The text is ``deaths[/base][*put_off][flags]``. Each count has at most nine digits; a missing one
is 0.

- ``deaths``: how often a worker died of the task;
- ``base``: how many attempts were made before the run was resumed or the task came again last, or
  were lost for an unknown cause;
- ``put_off``: how many attempts were postponed because the worker did not know the task;
- flags: each at most once and in any order. ``Flag`` has those of this release.

A newer release may write other flags: printable characters other than letters, digits, ``*``,
``/`` and ``,``. They are ignored here, and scripts keep them. ``lua/_lib/spent.lua`` reads and
changes the same text; ``tests/protocol/test_spent.py`` compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from .limits import ATTEMPT_DIGITS


class Flag(StrEnum):
    """What is known about a task beside its state.

    ``SUSPECT``: it may have killed its worker. ``LOST``: it was lost once with a worker whose death
    was not observed, or with a process that executed nothing (the next time, it is a suspect).
    ``CONTINUES``: it continues when a failure stops its run. ``AT_MOST_ONCE``: it must never start
    twice. ``CACHED``: its result came from the cache. ``CALLED``: an earlier attempt has called
    runs, which are over: their results are the task's, and its function is not called. ``AGAIN``:
    it came again, so it has a memory.
    """

    SUSPECT = "!"
    LOST = "?"
    CONTINUES = "+"
    AT_MOST_ONCE = "="
    CACHED = "~"
    CALLED = "&"
    AGAIN = "^"


_COUNT = f"[0-9]{{1,{ATTEMPT_DIGITS}}}"
_SPENT = re.compile(rf"({_COUNT})?(?:/({_COUNT}))?(?:\*({_COUNT}))?([!-)+\-.:-@\[-`{{-~]*)")


@dataclass(frozen=True, slots=True)
class Spent:
    """The attempts of a task that do not count as failures, and its flags.

    ``damage``: why the text cannot be read. Then only the flags are known.
    """

    deaths: int = 0
    base: int = 0
    put_off: int = 0
    flags: frozenset[Flag] = frozenset()
    damage: str = ""

    @classmethod
    @lru_cache(maxsize=1024)  # nearly all tasks have spent nothing
    def decode(cls, text: str) -> Spent:
        """Decode the text. Raises ValueError."""
        match = _SPENT.fullmatch(text)
        if match is None or len(set(match[4])) < len(match[4]):
            raise ValueError(f"{text!r} is not a valid record of what a task has spent")
        deaths, base, put_off, flags = match.groups()
        return cls(int(deaths or 0), int(base or 0), int(put_off or 0), _flags_in(flags))

    @classmethod
    @lru_cache(maxsize=1024)
    def of_claim(cls, text: str) -> Spent:
        """Decode the text of a claim. A damaged one keeps the flags that scripts find in it.

        The lane must not refuse such a claim, since it would get it again; its task fails.
        """
        try:
            return cls.decode(text)
        except ValueError as error:
            return cls(flags=_flags_in(text), damage=str(error))

    def encode(self) -> str:
        """Return the text."""
        base = f"/{self.base}" if self.base else ""
        put_off = f"*{self.put_off}" if self.put_off else ""
        return f"{self.deaths}{base}{put_off}{encode_flags(self.flags)}"

    def failures(self, attempt: int) -> int:
        """Return how many attempts have failed if attempt number ``attempt`` fails."""
        return attempt - self.base - self.deaths - self.put_off


def encode_flags(flags: Collection[Flag]) -> str:
    """Return the text of flags, in the order of ``Flag``."""
    return "".join(flag.value for flag in Flag if flag in flags)


def _flags_in(text: str) -> frozenset[Flag]:
    return frozenset(flag for flag in Flag if flag in text)


UNSPENT = Spent()
