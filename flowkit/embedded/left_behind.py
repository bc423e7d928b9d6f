"""What embedded servers leave behind when their process is killed: a folder with a dead socket.

Only what surely is such a folder counts: it has the name and the mode that ``address.py`` gives,
belongs to this user, holds nothing but the socket, and no process listens there. An empty folder
may belong to a server that is just starting, so it must be an hour old. Nothing is deleted
recursively.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import tempfile
from collections.abc import Iterable

from ..clock import SystemClock
from .address import SHORT_FOLDER, SOCKET_NAME

_NAME = re.compile(r"flowkit-[a-z0-9_]{8}")
AN_HOUR_S = 3600.0
_ANSWER_S = 1.0


def dead_folders(parents: Iterable[str] | None = None) -> list[str]:
    """Return the folders that killed servers of this user have left, by name.

    ``parents``: where to look; by default where ``address.py`` makes them.
    """
    places = (tempfile.gettempdir(), SHORT_FOLDER) if parents is None else parents
    folders: set[str] = set()
    for parent in dict.fromkeys(map(os.path.realpath, places)):
        with contextlib.suppress(OSError), os.scandir(parent) as entries:
            folders.update(entry.path for entry in entries if _NAME.fullmatch(entry.name))
    return sorted(folder for folder in folders if _is_dead(folder))


def delete_folder(folder: str) -> bool:
    """Delete such a folder if it is still dead; return whether it is gone."""
    with contextlib.suppress(OSError):
        if _is_dead(folder):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, SOCKET_NAME))
            os.rmdir(folder)
    return not os.path.lexists(folder)


def _is_dead(folder: str) -> bool:
    try:
        about = os.lstat(folder)
        if not (stat.S_ISDIR(about.st_mode) and _is_ours(about)):
            return False
        content = os.listdir(folder)
        if not content:
            return SystemClock().wall() - about.st_mtime > AN_HOUR_S
        path = os.path.join(folder, SOCKET_NAME)
        inside = os.lstat(path)
        is_socket = stat.S_ISSOCK(inside.st_mode) and inside.st_uid == about.st_uid
        return content == [SOCKET_NAME] and is_socket and _refuses(path)
    except OSError:
        return False


def _is_ours(about: os.stat_result) -> bool:
    """Return whether a folder belongs to this user, and no other user may enter it."""
    return about.st_uid == os.geteuid() and not about.st_mode & 0o077


def _refuses(path: str) -> bool:
    """Return whether no process listens on a socket. One that is busy does not refuse."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_ANSWER_S)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
