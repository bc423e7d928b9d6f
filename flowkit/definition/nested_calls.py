"""Calls inside another value, which no task may return: they would not be run."""

from __future__ import annotations

from typing import Any

from ..codec.errors import UnpackableValue
from ..codec.explain import parts, refusal, type_name
from .calls import Call, any_made, has_calls

_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})


def nested_call(value: object) -> UnpackableValue | None:
    """Return the error for a call inside a value, None if there is none or the task calls runs.

    It says what a worker says, which cannot store a call. A value is searched only if this process
    has made a call.
    """
    if not any_made() or has_calls(value):
        return None
    seen: set[int] = set()
    left = [("result", value)]
    while left:
        path, part = left.pop()
        kind = type(part)
        if kind is Call:
            return UnpackableValue(path, type_name(Call), refusal(part).reason)
        if kind in _CONTAINERS and id(part) not in seen and _may_have_call(part):
            seen.add(id(part))
            left += reversed([(path + suffix, item) for suffix, item in parts(part)])
    return None


def _may_have_call(container: Any) -> bool:
    """Return whether a container has a call or a container, at the speed of C."""
    kinds = set(map(type, container))  # of a dict, the keys
    if type(container) is dict:
        kinds.update(map(type, container.values()))
    return Call in kinds or not kinds.isdisjoint(_CONTAINERS)
