"""Writing a file that only its owner may read, as a whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600


def write_private(path: Path, data: bytes) -> None:
    """Write a file. What was there before stays until all of it is written.

    A new file gets the mode 0600; one of this account that is replaced keeps its mode. A link
    stays, and the file that it leads to is replaced. What is no regular file, such as a pipe, is
    written to. A link or a pipe of another account is refused: it could lead the data to anybody,
    or to a file of this account.

    Raises OSError.
    """
    mode, target = PRIVATE, path
    with suppress(FileNotFoundError):
        _check_ours(path.lstat())
        target = Path(os.path.realpath(path))
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            _check_ours(found)
            path.write_bytes(data)
            return
        if found.st_uid == os.geteuid():
            mode = stat.S_IMODE(found.st_mode)
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    # A name that exists may be a link of another account.
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    try:
        with open(fd, "wb") as file:
            os.fchmod(fd, mode)
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def _check_ours(found: os.stat_result) -> None:
    """Raise PermissionError for what is no regular file and belongs to another account than root.

    A regular file is replaced, which gives its old owner nothing.
    """
    if not stat.S_ISREG(found.st_mode) and found.st_uid not in (os.geteuid(), 0):
        what = "a link" if stat.S_ISLNK(found.st_mode) else "no regular file"
        raise PermissionError(errno.EPERM, f"there is {what} of another account")
