"""Exports of a run: the flight recorder. A recording is read, and written as a page or as data.

The client gathers the data (``recording``), ``documents`` give it its form, and ``flowkit.page``
makes a page of it. The page imports nothing of the client: it gets JSON values. So the client may
import the page, and an export needs no package beside flowkit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..basics.private_file import write_private
from ..basics.redaction import Redaction
from ..clock import SYSTEM_CLOCK
from ..exceptions import FlowkitError
from ..page.export import recording_page
from .documents.make_recording import recording_document
from .recording import RecordedRun, read_recording


def recorded(run: RecordedRun, patterns: Iterable[str], *, previews: bool) -> Mapping[str, object]:
    """Return a recording as JSON values. ``patterns``: what is hidden in its texts.

    Raises RunNotFound, RunLost, RunDamaged, RedisUnavailable.
    """
    secrets = Redaction(patterns)
    recording = read_recording(run, secrets, previews=previews)
    return recording_document(recording, secrets, SYSTEM_CLOCK.wall())


def exported(run: RecordedRun, *, previews: bool = True, as_json: bool = False) -> bytes:
    """Return a recording as the bytes of a file: a page, or with ``as_json`` JSON.

    What matches a pattern of the settings is hidden. Raises what ``recorded`` raises.
    """
    recording = recorded(run, run.shard.hidden, previews=previews)
    if as_json:
        return json.dumps(recording, indent=1).replace("\x7f", "\\u007f").encode() + b"\n"
    return recording_page(recording).encode()


def export_run(run: RecordedRun, path: object, *, previews: object, as_json: object) -> Path:
    """Write a recording to a file and return its path. See ``RunHandle.export``."""
    for name, value in (("previews", previews), ("as_json", as_json)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, not {type(value).__name__}")
    target = checked_path(path)
    return write_export(target, exported(run, previews=bool(previews), as_json=bool(as_json)))


def write_export(path: object, data: bytes) -> Path:
    """Write an export to a file and return its path. Raises FlowkitError, TypeError."""
    target = checked_path(path)
    try:
        write_private(target, data)
    except OSError as error:
        why = error.strerror or error
        raise FlowkitError(f"the recording cannot be written to {str(target)!r}: {why}") from error
    return target


def checked_path(path: object) -> Path:
    """Return where an export is to be written. Raises TypeError, FlowkitError."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a str or a Path, not {type(path).__name__}")
    target = Path(path)
    if target.is_dir():
        raise FlowkitError(f"{str(target)!r} is a folder: name a file in it, such as run.html")
    if not target.parent.is_dir():
        raise FlowkitError(f"there is no folder {str(target.parent)!r} to write {target.name} to")
    return target
