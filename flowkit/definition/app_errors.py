"""Errors of a user's code while an app is loaded or a factory is called."""

from __future__ import annotations

import importlib
import os
import traceback
from types import TracebackType

from ..basics.display_text import error_text
from .foreign_words import advice_for

# Frames of flowkit are left out: if flowkit refuses something, the calling line matters.
_OWN_FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


def report(what: str, error: Exception) -> str:
    """Describe an error of user code: its message, its line and the frames that led to it.

    ``what``: the beginning of the sentence, such as "etl.py cannot be loaded".
    """
    kind = type(error).__name__
    frames = _user_frames(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        place, text = f" ({error.filename}, line {error.lineno})", f"{kind}: {error.msg}"
    else:
        last = frames[-1] if frames else None
        place = f" ({last.filename}, line {last.lineno})" if last else ""
        text = error_text(error)
    advice = advice_for(error)
    trace = "".join(traceback.format_list(frames)).rstrip()
    return f"{what}: {text}{place}" + "".join(f"\n{part}" for part in (trace, advice) if part)


def _user_frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    others = (_OWN_FOLDER, "<frozen importlib")
    return [
        frame
        for frame in traceback.extract_tb(trace)
        if frame.filename != importlib.__file__ and not frame.filename.startswith(others)
    ]
