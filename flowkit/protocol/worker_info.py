"""The description of a worker, decoded in one place.

The lease of a worker shows that it is alive; the description says what it is. A worker with an
invalid description is not dead: it is listed without its details, and with the problem.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgpack

from ..core.app_version import is_app_version
from ..core.worker_info import QueueRate, WorkerInfo
from .app_functions import is_id
from .limits import MAX_ABOUT_BYTES, MAX_ABOUT_TEXT, MAX_APPS, MAX_QUEUE, MAX_QUEUES, MAX_RATES


def parse_about(worker: str, packed: object) -> WorkerInfo:
    """Decode the description of a worker; ``damaged`` describes an invalid one."""
    try:
        description = _unpacked(packed)
        return WorkerInfo(
            worker=worker,
            host=_text(description, "host"),
            pid=_count(description, "pid"),
            app=_text(description, "app"),
            queues=_queues(description),
            processes=_count(description, "processes"),
            concurrency=_count(description, "concurrency"),
            version=_text(description, "version"),
            ready=_count(description, "ready") if "ready" in description else None,
            waiting=_count(description, "waiting"),
            turns=description.get("turns") is True,
            functions=_id(description, "functions"),
            app_version=_app_version(description, "app_version"),
            other_functions=_others(description, "other_functions", _id),
            other_versions=_others(description, "other_versions", _app_version),
            busy=_busy(description, 0),
            busy_async=_busy(description, 1),
            rates=_rates(description),
        )
    except ValueError as error:
        return WorkerInfo(worker, damaged=f"its description is damaged: {error}")


def _unpacked(packed: object) -> Mapping[object, object]:
    if not isinstance(packed, bytes) or not 0 < len(packed) <= MAX_ABOUT_BYTES:
        raise ValueError("it is missing or too long")
    try:
        description = msgpack.unpackb(packed)
    except (ValueError, TypeError, msgpack.UnpackException):
        raise ValueError("it is not msgpack") from None
    if not isinstance(description, dict):
        raise ValueError(f"it is a {type(description).__name__}")
    return description


def _text(description: Mapping[object, object], name: str) -> str:
    value = description.get(name, "")
    if isinstance(value, str) and len(value) <= MAX_ABOUT_TEXT:
        return value
    raise ValueError(f"its {name} is not text, or is too long")


def _id(description: Mapping[object, object], name: str) -> str:
    text = _text(description, name)
    if text and not is_id(text):
        raise ValueError(f"its {name} is no id")
    return text


def _app_version(description: Mapping[object, object], name: str) -> str:
    text = _text(description, name)
    if text and not is_app_version(text):
        raise ValueError("its version of the app has characters that none has")
    return text


def _others(
    description: Mapping[object, object],
    name: str,
    decode: Callable[[Mapping[object, object], str], str],
) -> tuple[str, ...]:
    """Decode a list of texts, each of them as ``decode`` does."""
    values = description.get(name, [])
    if not isinstance(values, list) or len(values) > MAX_APPS:
        raise ValueError(f"its {name} are not a list, or are too many")
    return tuple(decode({name: value}, name) for value in values)


def _count(description: Mapping[object, object], name: str) -> int:
    value = description.get(name, 0)
    if type(value) is int and 0 <= value < 2**32:
        return value
    raise ValueError(f"its {name} is not a number, or is too large")


def _queues(description: Mapping[object, object]) -> tuple[str, ...]:
    value = description.get("queues", [])
    if not isinstance(value, list) or len(value) > MAX_QUEUES:
        raise ValueError("its queues are not a list, or are too many")
    if not all(isinstance(queue, str) and len(queue) <= MAX_ABOUT_TEXT for queue in value):
        raise ValueError("a name among its queues is not text, or is too long")
    return tuple(value)


def _busy(description: Mapping[object, object], at: int) -> int | None:
    value = description.get("busy")
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("its busy lanes are not a list of two")
    return _count({"number of busy lanes": value[at]}, "number of busy lanes")


def _rates(description: Mapping[object, object]) -> tuple[QueueRate, ...] | None:
    """Decode attempts and ms by queue. A worker of an older release reports none."""
    value = description.get("rates")
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) > MAX_RATES:
        raise ValueError("its rates are not by queue, or are too many")
    window_ms = _count(description, "window_ms")
    if value and not window_ms:
        raise ValueError("its rates cover no time")
    return tuple(_rate(queue, pair, window_ms / 1000) for queue, pair in value.items())


def _rate(queue: object, pair: object, window_s: float) -> QueueRate:
    if not isinstance(queue, str) or len(queue) > MAX_QUEUE:
        raise ValueError("a queue among its rates is not text, or is too long")
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError("a rate is not a list of two")
    ended = _count({"rate": pair[0]}, "rate")
    if not ended:
        raise ValueError("a rate counts no attempt")
    return QueueRate(queue, ended, window_s, _count({"rate": pair[1]}, "rate") / 1000)
