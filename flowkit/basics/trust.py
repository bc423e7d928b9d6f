"""Checking that files and folders were not planted by other accounts of this machine.

Other accounts are not trusted: in a folder that they can write, such as ``/tmp``, they can create a
file, a folder or a symbolic link with any name in advance. These rules apply to a file whose name a
user gave, or that was searched for:

- A file must be regular, belong to this account or to root, and not be writable by others. It is
  opened without following a link and without blocking, so a FIFO cannot block the process.
- An entry of a folder that others can write must belong to this account or to root. Without the
  sticky bit, others can also rename the entry, so nothing in such a folder is used.
- A symbolic link on the path must belong to this account or to root.

Write permission of a *group* is the owner's choice: groups are trusted.

The module refuses with ``Untrusted``; its text names the path and says what to do.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

MOST_LINKS = 40
_NO_SURPRISES = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Untrusted(Exception):
    """Another account owns this, or can change it. The text is a sentence without its full stop."""


def open_trusted(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a regular file that belongs to this account or to root, and return its descriptor.

    ``flags``, ``mode``: as for ``os.open``. Raises Untrusted, OSError.
    """
    fd = os.open(path, flags | _NO_SURPRISES, mode)
    try:
        check_file(path, os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise
    return fd


def check_file(path: Path, status: os.stat_result) -> None:
    """Raise Untrusted unless ``open_trusted`` may open a file with this status."""
    if not stat.S_ISREG(status.st_mode):
        raise Untrusted(f"{path} is not a regular file. Give another path, or remove it")
    if not is_ours(status):
        raise Untrusted(f"{path} belongs to {owner_of(status)}. Give another path, or remove it")
    if status.st_mode & stat.S_IWOTH:
        raise Untrusted(f"every account can write {path}. Run: chmod o-w {path}")


def is_ours(status: os.stat_result) -> bool:
    """Return whether this account or root is the owner."""
    return status.st_uid in (os.geteuid(), 0)


def is_shared(folder: Path) -> bool:
    """Return whether every account may create files in a folder."""
    return bool(os.stat(folder).st_mode & stat.S_IWOTH)


def is_sticky(folder: Path) -> bool:
    """Return whether a folder is one like ``/tmp``, in which only owners may rename files."""
    return bool(os.stat(folder).st_mode & stat.S_ISVTX)


def owner_of(status: os.stat_result) -> str:
    """Return the owner, as text for a message."""
    try:
        return f"the account {pwd.getpwuid(status.st_uid).pw_name!r}"
    except KeyError:
        return f"the account with uid {status.st_uid}"


def resolve(path: Path) -> Path:
    """Return an absolute path without symbolic links, as ``os.path.realpath`` does.

    The path need not exist. Raises Untrusted for a link of another account, for a folder in which
    every account can rename files, and for an entry of another account in a folder that every
    account can write. Raises OSError.
    """
    current = Path("/")
    pending = list(reversed(_parts(path)))
    links = 0
    while pending:
        name = pending.pop()
        if name == "..":
            current = current.parent
            continue
        step = current / name
        status = _check_step(current, step)
        if status is None or not stat.S_ISLNK(status.st_mode):
            current = step
            continue
        links += 1
        if links > MOST_LINKS or not is_ours(status):
            raise Untrusted(_why_not_followed(step, status, links))
        target = os.readlink(step)
        current = Path("/") if os.path.isabs(target) else current
        pending.extend(part for part in reversed(Path(target).parts) if part != "/")
    return current


def _check_step(folder: Path, step: Path) -> os.stat_result | None:
    """Return the status of an entry of a folder, None if there is none.

    Raises Untrusted for a folder in which others can rename the entry, and for an entry that
    another account may have created.
    """
    try:
        shared = os.stat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    by_all = bool(shared.st_mode & stat.S_IWOTH)
    if by_all and not shared.st_mode & stat.S_ISVTX:
        raise Untrusted(f"every account can write the folder {folder}. Run: chmod o-w {folder}")
    try:
        status = os.lstat(step)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if by_all and not is_ours(status):
        raise Untrusted(
            f"{step} belongs to {owner_of(status)}, and is in a folder that every account can "
            "write. Give another path"
        )
    return status


def _why_not_followed(link: Path, status: os.stat_result, links: int) -> str:
    if links > MOST_LINKS:
        return f"{link} is one of more than {MOST_LINKS} symbolic links. Give another path"
    return f"{link} is a symbolic link of {owner_of(status)}. Give another path, or remove it"


def _parts(path: Path) -> list[str]:
    return [part for part in Path(os.getcwd(), path).parts if part != "/"]
