"""Outcomes: how attempts ended, as workers report them to the script ``complete``.

The text of an outcome, its token, is ``task,attempt,CODE``. A retry, a postponed attempt and one of
a task that comes again add ``,delay (ms),ready list,level``, and calls of runs add ``,ready
list,level``. A success adds ``,entry,ttl (ms)`` if its result is cached too, and ``,#ITEMS`` if
other tasks are mapped over its result (see ``items.py``). The outcome of an item ends with
``,=LABEL`` if it has a label.
``lua/_lib/outcome_codes.lua`` reads the same text; ``tests/protocol/test_outcomes.py`` compares the
two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .items import PATTERN, Items
from .limits import ATTEMPT_DIGITS, MAX_ITEM_LABEL, MAX_QUEUE, TASK_DIGITS, TIME_DIGITS


class OutcomeCode(StrEnum):
    """The code of an outcome: one letter.

    ``CACHED``: a success whose result came from the cache. ``RETRY``: a failure with a retry.
    ``PUT_OFF``: the worker did not know the task; another one may, and no retry is spent.
    ``AGAIN``: the task asked to start again later, and has no result yet.
    ``CALLED``: it has called runs, which its task waits for (see ``calls.py``).
    """

    SUCCEEDED = "S"
    CACHED = "H"
    SKIPPED = "K"
    FAILED = "F"
    CANCELLED = "C"
    RETRY = "W"
    PUT_OFF = "D"
    AGAIN = "A"
    CALLED = "N"


_TIME = f"([0-9]{{1,{TIME_DIGITS}}})"
_LIST = rf"[A-Za-z0-9_.\-]{{1,{MAX_QUEUE}}}(?:~async)?(?:@[0-9a-f]{{16}})?"
_TOKEN = re.compile(
    rf"([0-9]{{1,{TASK_DIGITS}}}),([0-9]{{1,{ATTEMPT_DIGITS}}}),"
    rf"(?:([KFC])|([SH])(?:(?<=S),([0-9a-f]{{1,64}}),{_TIME})?(?:,#({PATTERN}))?"
    rf"|(?:([WDA]),{_TIME}|(N)),({_LIST}),([!0-9]))"
    rf"(?:,=(.{{1,{MAX_ITEM_LABEL}}}))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Retry:
    """When and where the next attempt is queued. After calls, it is due when they are over."""

    delay_ms: int
    ready_list: str
    level: str


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Where a result is cached, and for how long."""

    name: str
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. ``payload``: the packed result or error, empty for none; of the code
    AGAIN, the memory (memories.py).

    ``retry``: of RETRY, PUT_OFF, AGAIN and CALLED. ``cache``: of a success whose result is cached.
    ``items``: of a success over whose result other tasks are mapped; ``blocks``: its elements, to
    be stored before. ``label``: of an item, "" for none.
    """

    run: str
    task: int
    attempt: int
    kind: OutcomeCode
    payload: bytes = b""
    retry: Retry | None = None
    cache: CacheEntry | None = None
    items: Items | None = None
    blocks: Sequence[bytes] = ()
    label: str = ""

    @property
    def key(self) -> str:
        """The name of the task in scripts: ``run,task``."""
        return f"{self.run},{self.task}"

    @property
    def token(self) -> str:
        """The text of the outcome."""
        if self.retry is not None:
            retry = self.retry
            delay = "" if self.kind is OutcomeCode.CALLED else f",{retry.delay_ms}"
            more = f"{delay},{retry.ready_list},{retry.level}"
        elif self.cache is not None:
            more = f",{self.cache.name},{self.cache.ttl_ms}"
        else:
            more = ""
        if self.items is not None:
            more += f",#{self.items.text}"
        if self.label:
            more += f",={self.label}"
        return f"{self.task},{self.attempt},{self.kind}{more}"

    @classmethod
    def decode(cls, run: str, token: str, payload: bytes = b"") -> Outcome:
        """Decode the text of an outcome. Raises ValueError."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise ValueError(f"{token!r} is not the outcome of an attempt")
        task, attempt, final, success, entry, ttl, items, *more = match.groups()
        later, delay, called, ready_list, level, label = more
        is_later = later or called
        return cls(
            run,
            int(task),
            int(attempt),
            OutcomeCode(final or success or is_later),
            payload,
            Retry(int(delay or 0), ready_list, level) if is_later else None,
            CacheEntry(entry, int(ttl)) if entry else None,
            Items.parse(items) if items else None,
            label=label or "",
        )
