"""``[tool.flowkit]`` of a project: which ``pyproject.toml`` is read.

The search starts at the working directory, goes upwards and takes the nearest file. It ends at the
root of the repository (a folder with ``.git``) or at the home folder.

A file in a parent folder can name the Redis to which parameters and passwords are sent, so it must
be trusted: the file and all folders above it belong to this account or to root, and are not
writable by every account. Any other file is ignored, with one warning per process; files further
up are then ignored too.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .basics.display_text import escape_text
from .basics.trust import Untrusted, is_ours, open_trusted, owner_of, resolve
from .events.programs import SettingsIgnored
from .events.warn_once import warn_once
from .exceptions import SettingsError

NAME = "pyproject.toml"
MOST_BYTES = 2**20


def project_table(cwd: Path | str | None) -> tuple[Path, dict[str, Any]] | None:
    """Return the file that applies to ``cwd`` and its ``[tool.flowkit]``, None without a file.

    Raises SettingsError for a file that cannot be read or is not TOML.
    """
    path = _nearest(cwd)
    if path is None:
        return None
    try:
        return path, _table(path, _read(path))
    except Untrusted as error:
        shown, why = escape_text(str(path)), escape_text(str(error))
        warn_once(SettingsIgnored(path=shown, reason=why), str(path))
        return None


def _nearest(cwd: Path | str | None) -> Path | None:
    if cwd is not None and not isinstance(cwd, str | os.PathLike):
        raise TypeError(f"cwd must be the path of a folder, or None, not {cwd!r}.")
    try:
        start = Path(cwd or Path.cwd()).resolve()
    except FileNotFoundError:  # the working directory was deleted
        return None
    paths = (folder / NAME for folder in _searched(start))
    return next((path for path in paths if os.path.lexists(path) and not path.is_dir()), None)


def _searched(start: Path) -> Iterator[Path]:
    home = Path(os.path.realpath(os.path.expanduser("~")))
    for folder in (start, *start.parents):
        yield folder
        if folder == home or os.path.lexists(folder / ".git"):
            return


def _read(path: Path) -> str:
    """Return the text of a file. Raises Untrusted, SettingsError."""
    try:
        target = resolve(path)
        for folder in {*path.parents, *target.parents}:
            _check_owner(folder)
        with open(open_trusted(target, os.O_RDONLY), "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MOST_BYTES:
        raise SettingsError(f"{path} is larger than {MOST_BYTES:,} bytes. Shorten or remove it.")
    try:
        return data.decode()
    except ValueError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}. Fix or remove it.") from error


def _check_owner(folder: Path) -> None:
    status = os.stat(folder)
    if not is_ours(status):
        raise Untrusted(f"the folder {folder} belongs to {owner_of(status)}")


def _table(path: Path, text: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}. Fix or remove it.") from error
    tool = document.get("tool", {})
    table = tool.get("flowkit", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: tool.flowkit must be a table: write [tool.flowkit].")
    return table
