"""Entries in a JSON file that many threads and processes may share.

    {"format": 1, "cache": {
    "key": {"value": …, "timestamp": …, "ttl": …, "metadata": …},
    …
    }}

Rules:
- Whoever looks at the file finds a whole one, at any time and after any crash: it is written
  beside, flushed to the disk, and put in place by a rename; then its folder is flushed.
- No update is lost: a writer holds ``NAME.lock`` (lock.py) from its read to the end of its write.
- Other accounts are strangers: new files have mode 0600, and a file, link or folder that another
  account may have planted is refused (``flowkit.trust``). A file that exists keeps its mode.
- Readers take no lock. They keep the file open, so no other file can get the inode they know.
- What is no state file is never overwritten: it is renamed to ``NAME.corrupt-TIME`` first, with a
  warning. One of something else, of a newer format, or one that may not be read, is an error.

A write costs a rewrite of the whole file and two flushes: milliseconds for a thousand entries.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..clock import SYSTEM_CLOCK
from ..exceptions import StateError
from ..logging import LogLevel, get_logger
from ..trust import Untrusted, open_trusted, resolve
from .entries import Entry, read_entry
from .lock import PRIVATE, locked

FORMAT = 1
Identity = tuple[int, int, int, int]  # device, inode, size, modified (ns)


class _Broken(Exception):
    """The file is no state file."""


class _Snapshot:
    """The entries of the file as it was at one time; keeps it open. ``fd``: None for no file."""

    def __init__(self, entries: Mapping[str, Entry], fd: int | None) -> None:
        self.entries, self.fd = entries, fd
        self.identity = None if fd is None else _identity(os.fstat(fd))

    def __del__(self) -> None:
        if self.fd is not None:
            with suppress(OSError):
                os.close(self.fd)


class Draft:
    """What a writer works on. ``changed``: whether there is anything to write."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries, self.changed = entries, False
        self._pid = os.getpid()

    def is_ours(self) -> bool:
        """Return whether this process writes it; a child that was forked meanwhile does not."""
        return self._pid == os.getpid()


class StateFile:
    """The file at ``path``. It need not exist; it and its folder are made by the first write."""

    def __init__(self, path: Path, lock_timeout: float) -> None:
        """Raises StateError for a folder, and for a path that other accounts can change."""
        self._path = path
        self._lock_timeout = lock_timeout
        try:
            self._path = resolve(path)  # a later chdir, or a new link, leads it nowhere else
        except OSError as error:
            raise self._trouble("found", error) from error
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
        """Return the entries as they are now, not to be changed.

        Raises StateError for a file that may not be read, or of a newer format.
        """
        try:
            return self._current()
        except _Broken:
            self._refuse_foreign()  # before there is a lock beside it
            with self._locked():
                return self._current_or_set_aside()

    @contextmanager
    def change(self) -> Iterator[Draft]:
        """Hold the lock and change the entries; they are written at the end of the block.

        Raises StateError if that fails; the file is then as it was before.
        """
        with self._locked():
            draft = Draft(dict(self._current_or_set_aside()))
            try:
                yield draft
            finally:
                if draft.changed and draft.is_ours():
                    self.write(draft.entries)

    # -- reading -------------------------------------------------------------------------------

    def _current(self) -> Mapping[str, Entry]:
        snapshot = self._snapshot
        try:
            found = _identity(os.lstat(self._path))
        except (FileNotFoundError, NotADirectoryError):
            found = None
        except OSError as error:
            raise self._trouble("read", error) from error
        if found != snapshot.identity:
            snapshot = self._snapshot = self._load()
        return snapshot.entries

    def _load(self) -> _Snapshot:
        try:
            self._check_place()
            fd = open_trusted(self._path, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return _Snapshot({}, None)
        except OSError as error:
            raise self._trouble("read", error) from error
        except Untrusted as error:
            raise self._refused(error) from None
        snapshot = _Snapshot({}, fd)  # owns it from here on, whatever happens
        try:
            with open(fd, "rb", closefd=False) as file:
                data = file.read()
        except OSError as error:
            raise self._trouble("read", error) from error
        snapshot.entries = self._parse(data)
        return snapshot

    def _parse(self, data: bytes) -> dict[str, Entry]:
        try:
            document = json.loads(data)
            cache = document["cache"]
            version = document.get("format", FORMAT)
            if type(version) is int and version > FORMAT:
                raise StateError(
                    f"State file {self._path} has format {version}, and this flowkit knows formats "
                    f"up to {FORMAT}. Use the flowkit that wrote it, or another file."
                )
            return {key: read_entry(fields) for key, fields in cache.items()}
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise _Broken(f"{type(error).__name__}: {error}") from error

    def _refuse_foreign(self) -> None:
        """Raise StateError for a file of something else.

        A text of several lines under a name that is no JSON file's, or a whole JSON object that has
        nothing of ours. What else cannot be read was a state once, as far as anybody can tell.
        """
        try:
            with open(open_trusted(self._path, os.O_RDONLY), "rb") as file:
                text = file.read().decode()
        except (OSError, ValueError, Untrusted):
            return
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            foreign = self._path.suffix != ".json" and "\n" in text.strip()
            foreign = foreign and not text.lstrip().startswith("{")
        else:
            foreign = isinstance(document, dict) and not {"cache", "format"} & document.keys()
            foreign = foreign and document != {}
        if foreign:
            raise StateError(
                f"{self._path} is a file of something else, and is left as it is. Give another "
                "storage_path, or move that file away."
            )

    def _current_or_set_aside(self) -> Mapping[str, Entry]:
        """Return the entries; with the lock held, so that nobody is still writing the file."""
        try:
            return self._current()
        except _Broken as error:
            self._refuse_foreign()
            aside = self._free_name()
            try:
                os.rename(self._path, aside)
            except OSError as trouble:
                raise self._trouble("set aside, though it is corrupt", trouble) from trouble
            get_logger().event(
                LogLevel.WARNING,
                "state_corrupt",
                f"State file {self._path} is corrupt; it is kept as {aside.name}, and the state "
                "starts empty",
                reason=str(error),
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
                raise self._trouble("locked", error) from error
            except Untrusted as error:
                raise self._refused(error) from None
            yield

    def write(self, entries: dict[str, Entry]) -> None:
        """Put these entries in place, within the block of ``change``. Raises StateError."""
        lines = ",\n".join(f"{json.dumps(key)}: {entry.line}" for key, entry in entries.items())
        data = f'{{"format": {FORMAT}, "cache": {{\n{lines}\n}}}}\n'.encode("ascii")
        # Only the holder of the lock writes, so one name will do. It is made anew each time: what
        # lies there may be somebody else's link.
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
            raise self._trouble("written", error) from error

    def _fill(self, fd: int, data: bytes) -> None:
        mode = PRIVATE
        with suppress(FileNotFoundError):
            # As the owner set it, but without the right to write of others.
            mode = os.lstat(self._path).st_mode & 0o775
        os.fchmod(fd, mode)
        with open(fd, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(fd)

    def _check_place(self) -> None:
        """Raise Untrusted if the path leads elsewhere than it did, or strangers can change it."""
        if resolve(self._path) != self._path:
            raise Untrusted(f"a part of {self._path} has become a symbolic link. Remove the link")

    def _refused(self, error: Untrusted) -> StateError:
        return StateError(
            f"State file {self._path} is not used, since another account of this machine could "
            f"have planted or changed it: {error}."
        )

    def _trouble(self, what: str, error: OSError) -> StateError:
        return StateError(
            f"State file {self._path} cannot be {what}: {error.strerror or error}. "
            "Check its folder, its permissions and the disk, or choose another storage_path."
        )


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _flush_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
