"""The description of a worker, decoded in one place.

The lease of a worker shows that it is alive; the description says what it is. A worker with an
invalid description is not dead: it is listed without its details, and with the problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgpack

from .app_functions import is_id
from .limits import MAX_ABOUT_BYTES, MAX_ABOUT_TEXT, MAX_QUEUES


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A live worker. ``processes``: its children; ``concurrency``: async tasks in each of them.

    ``ready``: children that have loaded the app, None if unknown. ``waiting``: children whose task
    waits for the end of another run, 0 if unknown.

    ``turns``: whether it claims the attempts that wait for the turn of their run.
    ``functions``: the id of its app, see ``app_functions``; "" while it is unknown.

    ``damaged``: what is wrong with the description, "" if it is valid. Details that a worker of
    another release does not report are empty or 0.
    """

    worker: str
    host: str = ""
    pid: int = 0
    app: str = ""
    queues: tuple[str, ...] = ()
    processes: int = 0
    concurrency: int = 0
    version: str = ""
    ready: int | None = None
    waiting: int = 0
    turns: bool = False
    functions: str = ""
    damaged: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether a child has loaded the app; True if the worker does not report it."""
        return self.ready is None or self.ready > 0

    @property
    def all_wait(self) -> bool:
        """Whether each child executes a task that waits for another run."""
        return 0 < self.processes <= self.waiting


def parse_about(worker: str, packed: object) -> WorkerInfo:
    """Decode the description of a worker; ``damaged`` describes an invalid one."""
    try:
        about = _unpacked(packed)
        return WorkerInfo(
            worker=worker,
            host=_text(about, "host"),
            pid=_count(about, "pid"),
            app=_text(about, "app"),
            queues=_queues(about),
            processes=_count(about, "processes"),
            concurrency=_count(about, "concurrency"),
            version=_text(about, "version"),
            ready=_count(about, "ready") if "ready" in about else None,
            waiting=_count(about, "waiting"),
            turns=about.get("turns") is True,
            functions=_id(about, "functions"),
        )
    except ValueError as error:
        return WorkerInfo(worker, damaged=f"its description is damaged: {error}")


def _unpacked(packed: object) -> Mapping[object, object]:
    if not isinstance(packed, bytes) or not 0 < len(packed) <= MAX_ABOUT_BYTES:
        raise ValueError("it is missing or too long")
    try:
        about = msgpack.unpackb(packed)
    except (ValueError, TypeError, msgpack.UnpackException):
        raise ValueError("it is not msgpack") from None
    if not isinstance(about, dict):
        raise ValueError(f"it is a {type(about).__name__}")
    return about


def _text(about: Mapping[object, object], name: str) -> str:
    value = about.get(name, "")
    if isinstance(value, str) and len(value) <= MAX_ABOUT_TEXT:
        return value
    raise ValueError(f"its {name} is no text, or too long")


def _id(about: Mapping[object, object], name: str) -> str:
    text = _text(about, name)
    if text and not is_id(text):
        raise ValueError(f"its {name} is no id")
    return text


def _count(about: Mapping[object, object], name: str) -> int:
    value = about.get(name, 0)
    if type(value) is int and 0 <= value < 2**32:
        return value
    raise ValueError(f"its {name} is no number, or too large")


def _queues(about: Mapping[object, object]) -> tuple[str, ...]:
    value = about.get("queues", [])
    if not isinstance(value, list) or len(value) > MAX_QUEUES:
        raise ValueError("its queues are no list, or too many")
    if not all(isinstance(queue, str) and len(queue) <= MAX_ABOUT_TEXT for queue in value):
        raise ValueError("a name among its queues is no text, or too long")
    return tuple(value)
