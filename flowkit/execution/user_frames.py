"""The part of a traceback that a user wants to see: it begins in the code of a task."""

from __future__ import annotations

from types import TracebackType

_PACKAGE = __name__.partition(".")[0]


def user_frames(error: BaseException) -> TracebackType | None:
    """Return the traceback from the first frame outside flowkit on; None if there is none.

    Raises whatever an exception of user code does when it is looked at.
    """
    frames = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_globals.get("__name__", "")):
        frames = frames.tb_next
    return frames


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == _PACKAGE
