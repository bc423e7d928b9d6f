"""Checks of the TLS options in a Redis URL, in addition to those of redis-py.

For an unknown option, redis-py only names the keyword that one of its classes does not accept. It
opens the files of a TLS connection when it connects, so a missing file looks like an outage.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import redis

from ..basics.suggestions import similar_name

_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def check_tls_files(options: Mapping[str, Any]) -> None:
    """Raise ValueError for an option that names a file that cannot be read."""
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
    """Return what is wrong with an option of ``url``, from the error of redis-py."""
    unexpected = _UNEXPECTED.search(str(error))
    if unexpected is None:
        return str(error)
    name = unexpected[1]
    known = set(_keywords(redis.SSLConnection))
    if name in known and not url.startswith("rediss"):
        return f"its option {name!r} belongs to TLS: write rediss:// for redis://"
    similar = similar_name(name, known)
    hint = "" if similar is None else f" (did you mean {similar!r}?)"
    return f"it has an unknown option {name!r}{hint}"


def _keywords(kind: type) -> Iterable[str]:
    """Yield the parameters of the constructors of a class and its bases."""
    for base in kind.__mro__:
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        yield from (item.name for item in parameters if item.kind is not item.VAR_KEYWORD)
