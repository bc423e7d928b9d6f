"""The lock of a state file: ``NAME.lock`` beside it, held with ``flock`` during a write.

Rules:
- Only this account can open the lock file, so no other account can hold the lock. Its mode is 0600;
  a wider mode from an earlier release is changed to that.
- A wait ends after ``timeout`` seconds with an error that names the process holding the lock.
- The lock is released when its process ends; the lock file stays.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..basics.trust import open_trusted
from ..clock import SYSTEM_CLOCK
from ..exceptions import StateError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.0005, 0.02
PRIVATE = 0o600
_LOCKS = Path("/proc/locks")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # such as NFS without its lock daemon


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock at ``path`` in a ``with`` block. ``timeout``: seconds to wait for it.

    Raises StateError if it is still held then, Untrusted if another account owns it, OSError.
    """
    fd, pid = open_trusted(path, os.O_RDWR | os.O_CREAT, PRIVATE), os.getpid()
    try:
        if stat.S_IMODE(os.fstat(fd).st_mode) != PRIVATE:
            os.fchmod(fd, PRIVATE)
        _acquire(fd, path, timeout)
        try:
            yield
        finally:
            # A child that was forked meanwhile has the descriptor too, so closing is not enough.
            # In such a child, unlocking would release the lock of its parent.
            if os.getpid() == pid:
                fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def _acquire(fd: int, path: Path, timeout: float) -> None:
    deadline = SYSTEM_CLOCK.monotonic() + timeout
    pause = FIRST_PAUSE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if SYSTEM_CLOCK.monotonic() >= deadline:
                raise StateError(_held(fd, path, timeout)) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            raise StateError(
                f"State file {path.with_suffix('')} cannot be locked: its file system has no locks "
                f"({error.strerror}). Put it on a local disk, or use RedisStateManager."
            ) from error
        SYSTEM_CLOCK.sleep(pause * (0.5 + random.random()))  # noqa: S311
        pause = min(pause * 2, LONGEST_PAUSE_S)


def _held(fd: int, path: Path, timeout: float) -> str:
    holders = _holders(os.fstat(fd).st_ino)
    if holders:
        processes = ", ".join(map(str, holders))
        who = f"process {processes} of this machine holds it. Let it finish its batch(), or stop it"
    else:
        who = f"another process holds it. To find it, run: fuser -v {path}"
    return (
        f"State file {path.with_suffix('')} is locked: after {timeout:g} s its lock {path.name} is "
        f"still held; {who}. To wait longer, set a longer lock_timeout"
    )


def _holders(inode: int) -> list[int]:
    """Return the processes that hold a lock, if the system reports them (Linux does)."""
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return []
    # 1: FLOCK  ADVISORY  WRITE 4242 08:01:131077 0 EOF; a waiting one has "->" after its number.
    rows = [line.split() for line in lines]
    return [
        int(row[4])
        for row in rows
        if len(row) == 8
        and row[1] == "FLOCK"
        and row[5].rpartition(":")[2] == str(inode)
        and row[4].isdigit()
        and row[4] != "0"  # 0: in a container that this process cannot see
    ]
