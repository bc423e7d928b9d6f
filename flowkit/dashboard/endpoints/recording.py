"""The recording of a run as a file. It takes more time and memory than other answers, so there are
few at a time.
"""

from __future__ import annotations

from threading import BoundedSemaphore

from ...client.exporting import exported
from ..endpoint import Asked, Busy, Endpoint, FileAnswer, Parameter
from .run import run_of

AT_ONCE = 2
_room = BoundedSemaphore(AT_ONCE)


def _recording(asked: Asked) -> FileAnswer:
    handle = run_of(asked)
    if not _room.acquire(blocking=False):
        raise Busy(f"{AT_ONCE} recordings are being made; try again when one of them is done.")
    try:
        return FileAnswer(
            f"{handle.run_id}.html", exported(handle, previews=asked.query["previews"])
        )
    finally:
        _room.release()


ENDPOINTS = (
    Endpoint(
        "/runs/{run}/recording",
        "A run as one page that opens without a network, to be saved.",
        "text/html",
        _recording,
        (Parameter("previews", "With parameters, arguments and results.", "flag", default=True),),
    ),
)
