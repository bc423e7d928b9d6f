"""The version of an app's code: a digest of the modules that come from the user's own folders.

Workers and submitting programs compute it in the same way, so equal code has an equal version on
every machine. It covers the names and the bytes of all imported source files, except those of
Python, of installed packages and of flowkit. ``__main__`` does not count: so a script that submits
a DAG of a module has the version of a worker with that module as its app. Another module that only
one of the two imports makes the versions differ. Programs for which this matters give the version
themselves (``FLOWKIT_APP_VERSION``).

Files are read when the version is first computed, soon after they were imported. A file is read
once, so a later edit, which the process does not run, changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path

VERSION_CHARS = 12
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_OWN = frozenset({"flowkit", "pytest_flowkit", "__main__"})
_known: tuple[int, str] | None = None
_contents: dict[str, bytes] = {}


def code_of_app() -> str:
    """Return the version of the code that this process has imported; "" if it has none.

    It is computed again only if modules were imported since the last time.
    """
    global _known
    count = len(sys.modules)
    if _known is None or _known[0] != count:
        _known = count, _digest(_sources())
    return _known[1]


def _sources() -> dict[str, str]:
    """Return the files of the user's modules by the names of the modules."""
    files: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        if name.partition(".")[0] not in _OWN and not _is_foreign(os.path.dirname(file)):
            files[name] = file
    return files


def _digest(files: dict[str, str]) -> str:
    if not files:
        return ""
    whole = hashlib.sha256()
    for name, file in sorted(files.items()):
        if file not in _contents:
            _contents[file] = _digest_of_file(file)
        whole.update(f"{name}\n".encode("utf-8", "surrogatepass") + _contents[file])
    return whole.hexdigest()[:VERSION_CHARS]


def _digest_of_file(file: str) -> bytes:
    try:
        return hashlib.sha256(Path(file).read_bytes()).digest()
    except OSError:  # deleted since it was imported, or in an archive
        return b"?" * 32


@cache
def _is_foreign(folder: str) -> bool:
    """Return whether a folder belongs to Python or to installed packages."""
    path = Path(os.path.realpath(folder))
    library = Path(os.path.realpath(os.path.dirname(os.__file__)))
    return library in (path, *path.parents) or not _INSTALLED.isdisjoint(path.parts)
