"""What is wrong with the TLS options in the URL of a Redis, beyond what redis-py says of them.

redis-py names the keyword that a class of its own does not take, and opens the files of a TLS
connection only when it connects, where a file that is missing looks like a server that is away.
"""

from __future__ import annotations

import difflib
import inspect
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import redis

_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def check_tls_files(options: Mapping[str, Any]) -> None:
    """Raise ValueError for an option that names a file which cannot be read."""
    for name in _FILES:
        path = options.get(name)
        if path is None:
            continue
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise ValueError(
                f"its option {name} names {str(path)!r}, which cannot be read: {error.strerror}"
            ) from None
    folder = options.get("ssl_ca_path")
    if folder is not None and not os.path.isdir(folder):
        raise ValueError(f"its option ssl_ca_path names {str(folder)!r}, which is not a folder")


def option_problem(url: str, error: Exception) -> str:
    """Return what is wrong with an option of ``url``, by the error that redis-py raised for it."""
    unexpected = _UNEXPECTED.search(str(error))
    if unexpected is None:
        return str(error)
    name = unexpected[1]
    known = set(_keywords(redis.SSLConnection))
    if name in known and not url.startswith("rediss"):
        return f"its option {name!r} belongs to TLS: write rediss:// for redis://"
    close = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"it has an option {name!r} that there is not{hint}"


def _keywords(kind: type) -> Iterable[str]:
    """Yield what the constructors of a class and its bases take by name."""
    for base in kind.__mro__:
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        yield from (one.name for one in parameters if one.kind is not one.VAR_KEYWORD)
