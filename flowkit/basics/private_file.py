"""Writing a file that only its owner may read, as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600


def write_private(path: Path, data: bytes) -> None:
    """Write a file. What was there before stays until all of it is written.

    A new file gets the mode 0600; one that is replaced keeps its mode. A link stays, and the file
    that it leads to is replaced. What is no regular file, such as a pipe, is written to.

    Raises OSError.
    """
    mode = PRIVATE
    with suppress(FileNotFoundError):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            path.write_bytes(data)
            return
        mode = stat.S_IMODE(found.st_mode)
    target = Path(os.path.realpath(path))
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
