"""Entries in a JSON file (file_format.py) that threads and processes can share.

Rules:
- The file is complete at any time and after any crash: a new file is written beside it, flushed to
  disk and renamed; then the folder is flushed.
- No update is lost: a writer holds ``NAME.lock`` (lock.py) from its read to the end of its write.
- Other accounts are not trusted: new files have mode 0600, and a file, link or folder that another
  account may have created is refused (``flowkit.basics.trust``). An existing file keeps its mode.
- Readers take no lock. They keep the file open, so its inode cannot be reused for another file.
- A corrupt state file is never overwritten: it is first renamed to ``NAME.corrupt-TIME``, with a
  warning. A file of another kind, of a newer format, or without read permission is an error.

A write rewrites the whole file and flushes twice: milliseconds for a thousand entries.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..basics.trust import Untrusted, open_trusted, resolve
from ..clock import SYSTEM_CLOCK
from ..events.programs import StateCorrupt
from ..exceptions import StateError
from ..logging import get_logger
from ..logging.event_log import EventLog
from .entries import Entry, read_entry
from .file_format import CorruptFile, is_foreign, packed_entries, parsed_entries
from .lock import PRIVATE, locked

Identity = tuple[int, int, int, int]  # device, inode, size, modified (ns)


class _Snapshot:
    """The entries of one version of the file, which stays open. ``fd``: None for no file."""

    def __init__(self, entries: Mapping[str, Entry], fd: int | None) -> None:
        self.entries, self.fd = entries, fd
        self.identity = None if fd is None else _identity(os.fstat(fd))

    def __del__(self) -> None:
        if self.fd is not None:
            with suppress(OSError):
                os.close(self.fd)


class Draft:
    """The entries that a writer changes. ``changed``: whether they must be written."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries, self.changed = entries, False
        self._pid = os.getpid()

    def is_ours(self) -> bool:
        """Return whether this process may write it; a child that was forked meanwhile may not."""
        return self._pid == os.getpid()


class StateFile:
    """The file at ``path``. The first write creates it and its folder if necessary."""

    def __init__(self, path: Path, lock_timeout: float) -> None:
        """Raises StateError for a folder, and for a path that other accounts can change."""
        self._path = path
        self._lock_timeout = lock_timeout
        try:
            self._path = resolve(path)  # a later chdir or a new link must not change the path
        except OSError as error:
            raise self._failure("found", error) from error
        except Untrusted as error:
            raise self._refused(error) from None
        if self._path.is_dir():
            raise StateError(f"{path} is a folder. Give the name of a file in it.")
        self._snapshot = _Snapshot({}, None)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self._path.name

    def read(self) -> Mapping[str, Entry]:
        """Return the current entries, which must not be changed.

        Raises StateError for a file of a newer format or without read permission.
        """
        try:
            return self._current()
        except CorruptFile:
            self._refuse_foreign()  # before a lock file is created beside it
            with self._locked():
                return self._current_or_renamed()

    @contextmanager
    def change(self) -> Iterator[Draft]:
        """Hold the lock to change the entries, which are written at the end of the block.

        Raises StateError if that fails; the file is then unchanged.
        """
        with self._locked():
            draft = Draft(dict(self._current_or_renamed()))
            try:
                yield draft
            finally:
                if draft.changed and draft.is_ours():
                    self.write(draft.entries)

    # -- reading -------------------------------------------------------------------------------

    def _current(self) -> Mapping[str, Entry]:
        snapshot = self._snapshot
        try:
            identity = _identity(os.lstat(self._path))
        except (FileNotFoundError, NotADirectoryError):
            identity = None
        except OSError as error:
            raise self._failure("read", error) from error
        if identity != snapshot.identity:
            snapshot = self._snapshot = self._load()
        return snapshot.entries

    def _load(self) -> _Snapshot:
        try:
            self._check_place()
            fd = open_trusted(self._path, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return _Snapshot({}, None)
        except OSError as error:
            raise self._failure("read", error) from error
        except Untrusted as error:
            raise self._refused(error) from None
        snapshot = _Snapshot({}, fd)  # it closes the file, whatever happens
        try:
            with open(fd, "rb", closefd=False) as file:
                data = file.read()
        except OSError as error:
            raise self._failure("read", error) from error
        snapshot.entries = parsed_entries(data, self._path, read_entry)
        return snapshot

    def _refuse_foreign(self) -> None:
        """Raise StateError for a file of another kind, not for one that is corrupt."""
        try:
            with open(open_trusted(self._path, os.O_RDONLY), "rb") as file:
                text = file.read().decode()
        except (OSError, ValueError, Untrusted):
            return
        if is_foreign(text, self._path.suffix):
            raise StateError(
                f"{self._path} is not a state file, and was not changed. Choose another "
                "storage_path, or move that file away."
            )

    def _current_or_renamed(self) -> Mapping[str, Entry]:
        """Return the entries; rename a corrupt file first. The lock must be held."""
        try:
            return self._current()
        except CorruptFile as error:
            self._refuse_foreign()
            aside = self._free_name()
            try:
                os.rename(self._path, aside)
            except OSError as rename_error:
                raise self._failure(
                    "renamed, although it is corrupt", rename_error
                ) from rename_error
            EventLog(get_logger()).hear(
                StateCorrupt(path=str(self._path), renamed_to=aside.name, reason=str(error))
            )
            return self._current()

    def _free_name(self) -> Path:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(SYSTEM_CLOCK.wall()))
        first = self._path.with_name(f"{self._path.name}.corrupt-{stamp}")
        name, number = first, 1
        while os.path.lexists(name):
            number += 1
            name = first.with_name(f"{first.name}-{number}")
        return name

    # -- writing -------------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with ExitStack() as held:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._check_place()
                lock = self._path.with_name(f"{self._path.name}.lock")
                held.enter_context(locked(lock, self._lock_timeout))
            except OSError as error:
                raise self._failure("locked", error) from error
            except Untrusted as error:
                raise self._refused(error) from None
            yield

    def write(self, entries: dict[str, Entry]) -> None:
        """Write these entries, in the block of ``change``. Raises StateError."""
        data = packed_entries(entries)
        # Only the holder of the lock writes, so one name is enough. The file is created each time:
        # an existing one may be a link of another account.
        beside = f"{self._path}.tmp"
        try:
            with suppress(FileNotFoundError):
                os.unlink(beside)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            fd = os.open(beside, flags, PRIVATE)
            try:
                self._fill(fd, data)
                snapshot = _Snapshot(entries, fd)
            except BaseException:
                os.close(fd)
                raise
            os.replace(beside, self._path)
            self._snapshot = snapshot
            _flush_folder(self._path.parent)
        except OSError as error:
            with suppress(OSError):
                os.unlink(beside)
            raise self._failure("written", error) from error

    def _fill(self, fd: int, data: bytes) -> None:
        mode = PRIVATE
        with suppress(FileNotFoundError):
            # The mode of the existing file, but without write permission for others.
            mode = os.lstat(self._path).st_mode & 0o775
        os.fchmod(fd, mode)
        with open(fd, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(fd)

    def _check_place(self) -> None:
        """Raise Untrusted if the path has changed, or another account can change it."""
        if resolve(self._path) != self._path:
            raise Untrusted(f"a part of {self._path} has become a symbolic link. Remove the link")

    def _refused(self, error: Untrusted) -> StateError:
        return StateError(
            f"State file {self._path} is not used, since another account of this machine could "
            f"have created or changed it: {error}."
        )

    def _failure(self, what: str, error: OSError) -> StateError:
        return StateError(
            f"State file {self._path} cannot be {what}: {error.strerror or error}. "
            "Check its folder, its permissions and the disk, or choose another storage_path."
        )


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _flush_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
