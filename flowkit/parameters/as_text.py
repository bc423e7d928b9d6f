"""A value as text for a form: what ``conversion`` turns into the value again.

There are several ways to write a value, and which of them is read as the same value depends on the
annotation. So candidates are given, the most usual first, and the caller tries them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

LONGEST = 2_000  # characters


def texts_of(value: object) -> Iterator[str]:
    """Yield texts that may stand for a value; none for what a form cannot show."""
    texts = [value, json.dumps(value, ensure_ascii=False)] if isinstance(value, str) else []
    if isinstance(value, timedelta):
        texts += _durations(value)
    elif not isinstance(value, str):
        texts += _plain_texts(value)
    for text in texts:
        if len(text) <= LONGEST and "\r" not in text:
            yield text


def _plain_texts(value: object) -> list[str]:
    if isinstance(value, date | datetime | time):
        return [value.isoformat()]
    if isinstance(value, Decimal | UUID | PurePath):
        return [str(value)]
    try:
        return [json.dumps(_jsonable(value), ensure_ascii=False, allow_nan=False)]
    except (TypeError, ValueError, RecursionError):
        return []


def _durations(value: timedelta) -> list[str]:
    seconds = value.total_seconds()
    whole = int(seconds)
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if whole == seconds and whole >= length and whole % length == 0:
            return [f"{whole // length}{unit}"]
    return [f"{whole}s" if whole == seconds else f"{seconds!r}s"] if seconds >= 0 else []


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("JSON has texts as keys only")
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [_jsonable(item) for item in items]
    if isinstance(value, timedelta):
        texts = _durations(value)
        if not texts:
            raise ValueError("there is no text for a negative duration")
        return texts[0]
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | UUID | PurePath) else value
