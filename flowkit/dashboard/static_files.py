"""The files of ``flowkit/page/static``: kept in memory, compressed once, with what each view needs.

The address of a file has a digest of all files, so browsers keep them: another content has another
address. A module is known only after the module that imports it has come, which costs a round
trip for each step. So the shell names all modules of a view at once (``modules_of``).
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import Response

_IMPORT = re.compile(r'^(?:import|export)\b[^;"]*"(\.[\w./-]+\.js)";', re.MULTILINE)
# Not those that this machine has for its files: browsers run a module of this type only.
_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_KEEP = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file. ``compressed``: its bytes as gzip."""

    kind: str
    data: bytes
    compressed: bytes


@cache
def page_folder() -> Path:
    """Return the folder of ``flowkit/page``."""
    with as_file(files("flowkit.page")) as folder:
        return folder


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return all files by their paths below ``static``. They are read once in a process."""
    folder = page_folder() / "static"
    found: dict[str, StaticFile] = {}
    for path in sorted(folder.rglob("*.*")):
        if path.is_file() and not path.is_symlink():
            data, kind = path.read_bytes(), _KINDS.get(path.suffix, "application/octet-stream")
            name = path.relative_to(folder).as_posix()
            found[name] = StaticFile(kind, data, gzip.compress(data, mtime=0))
    return found


@cache
def digest() -> str:
    """Return a digest of all files, which is a part of their addresses."""
    made = hashlib.sha256()
    for path, file in static_files().items():
        made.update(path.encode() + b"\0" + len(file.data).to_bytes(8, "big") + file.data)
    return made.hexdigest()[:16]


@cache
def modules_of(*paths: str) -> tuple[str, ...]:
    """Return the modules at these paths, and all that they import, each once, in order."""
    found: dict[str, None] = {}
    to_read = list(paths)
    while to_read:
        path = to_read.pop(0)
        if path in found or path not in static_files():
            continue
        found[path] = None
        text = static_files()[path].data.decode()
        to_read += [_resolved(path, name) for name in _IMPORT.findall(text)]
    return tuple(found)


def _resolved(path: str, name: str) -> str:
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / name).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


async def serve_static(request: Request) -> Response:
    """Answer a request for a file."""
    file = static_files().get(request.path_params["path"])
    if file is None:
        return Response("There is no such file.\n", 404, media_type="text/plain")
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers = {**_KEEP, "Content-Encoding": "gzip"}
        return Response(file.compressed, headers=headers, media_type=file.kind)
    return Response(file.data, headers=_KEEP, media_type=file.kind)
