"""Checks of numbers, keys, paths and mappings that users hand in.

What cannot be right is refused with what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from .basics.durations import MAX_DELAY_S

_RESERVED = ("timestamp", "age")
_NEVER_S = 1e16


def check_key(key: object) -> str:
    """Check the key of a state. Raises TypeError if it is not a string."""
    if not isinstance(key, str):
        raise TypeError(f"The key of a state must be a string, not {key!r}.")
    return str(key)


def check_path(path: object) -> Path | None:
    """Check the path of a state file, None for no file. Raises TypeError."""
    if path is None:
        return None
    if not isinstance(path, str | PathLike):
        raise TypeError(
            f"storage_path must be the path of a file, or None for memory alone, not {path!r}. "
            "For a state in Redis, use RedisStateManager."
        )
    return Path(path)


def check_ttl(option: str, ttl: object) -> float | None:
    """Check a TTL in seconds, infinity for never, or None. Raises TypeError, ValueError."""
    if ttl is None:
        return None
    if not isinstance(ttl, int | float) or isinstance(ttl, bool):
        raise TypeError(f"{option} must be a number of seconds or None, not {ttl!r}.")
    if math.isnan(ttl):
        raise ValueError(f"{option} must be a number of seconds or None, not nan.")
    # A file cannot contain an infinite number. A time after the year 300 million counts as never.
    return math.inf if ttl > _NEVER_S else float(max(ttl, -1))


def check_lock_timeout(seconds: object) -> float:
    """Check the seconds to wait for the lock of a file. Raises TypeError, ValueError."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise TypeError(f"lock_timeout must be a number of seconds, not {seconds!r}.")
    if not seconds >= 0:
        raise ValueError(f"lock_timeout must be 0 or more seconds, not {seconds!r}.")
    return float(seconds)


def choose_ttl(ttl: object, default: float | None) -> float | None:
    """Return the TTL of an entry in seconds, None for never: ``ttl``, else ``default``."""
    chosen = default if ttl is None else check_ttl("ttl", ttl)
    return None if chosen == math.inf else chosen


def check_metadata(key: str, metadata: object) -> dict[str, Any]:
    """Check the user's fields and return a copy. Raises TypeError, ValueError."""
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping) or not all(isinstance(name, str) for name in metadata):
        raise TypeError(
            f"The metadata of state {key!r} must be a dict with strings as keys, not {metadata!r}."
        )
    taken = [name for name in _RESERVED if name in metadata]
    if taken:
        raise ValueError(
            f"The metadata of state {key!r} cannot have a field {taken[0]!r}: get_metadata() adds "
            "one of that name. Choose another name."
        )
    return dict(metadata)


# -- of runs ------------------------------------------------------------------------------------


def check_max_workers(value: object) -> int | None:
    """Return ``value`` if it is a valid bound of parallelism, otherwise raise."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"max_workers must be a whole number or None, not {value!r}.")
    if value < 1:
        raise ValueError(f"max_workers must be at least 1, not {value}.")
    return value


def check_timeout(value: object) -> float | None:
    """Return ``value`` if it is a valid timeout in seconds or None, otherwise raise."""
    return _seconds_or_none("timeout", value)


def check_since(value: object) -> float | None:
    """Return ``value`` if it is a valid number of past seconds or None, otherwise raise."""
    return _seconds_or_none("since", value)


def check_until(value: object) -> float | None:
    """Return ``value`` if it is a valid number of past seconds or None, otherwise raise."""
    return _seconds_or_none("until", value)


def _seconds_or_none(name: str, value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of seconds or None, not {value!r}.")
    if not 0 <= value <= MAX_DELAY_S:
        raise ValueError(
            f"{name} must be 0 to {MAX_DELAY_S:g} seconds, or None for any time, not {value!r}."
        )
    return float(value)


def check_measuring(value: object) -> float:
    """Check the seconds that a check of the system measures."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"seconds must be a number, not {value!r}")
    if not 0 <= value <= 3600:
        raise ValueError(f"seconds must be 0 to 3600, not {value!r}")
    return float(value)


def check_patience(value: object) -> float:
    """Return ``value`` if it is a valid patience in seconds, otherwise raise."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"patience must be a number of seconds, not {value!r}.")
    if not 0 <= value <= MAX_DELAY_S:
        raise ValueError(f"patience must be 0 to {MAX_DELAY_S:.0f} seconds, not {value!r}.")
    return float(value)


def check_run_ttl(value: object) -> int:
    """Return ``value`` if it is a valid TTL of a run in seconds, otherwise raise."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"ttl must be a whole number of seconds, not {value!r}.")
    if not 1 <= value <= MAX_DELAY_S:
        raise ValueError(f"ttl must be 1 to {MAX_DELAY_S:.0f} seconds (10 years), not {value}.")
    return value


def check_limit(value: object) -> int:
    """Return ``value`` if it is a valid limit of a listing, otherwise raise."""
    return _checked_whole("limit", value, 1)


def check_start(value: object) -> int:
    """Return ``value`` if it is a valid index to start from, otherwise raise."""
    return _checked_whole("start", value, 0)


def _checked_whole(name: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, not {value!r}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}.")
    return value


def check_mapping(value: object) -> None:
    """Raise TypeError unless ``value`` is a mapping or None."""
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"params must be a mapping from names to values, not {value!r}.")
