"""The optional libraries of values. They are imported only if a value needs them."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from .errors import BrokenValue

# The first release whose reading of IPC cannot load code (CVE-2023-47248) and in which a table can
# be validated completely. Older ones are treated as if they were not installed.
MIN_PYARROW = (17,)

_INSTALL = {
    "numpy": "pip install numpy",
    "pandas": "pip install pandas",
    "polars": "pip install polars 'pyarrow>=17'",
    "pyarrow": "pip install 'pyarrow>=17', which is flowkit's extra [arrow]",
}


def needed(name: str) -> Any:
    """Return a library that a stored value needs. Raises BrokenValue if it is not installed."""
    module = pyarrow() if name == "pyarrow" else _imported(name)
    if module is None:
        raise BrokenValue(
            f"it needs {name}, which is not installed in this process (or is too old); install it "
            f"wherever such values are read: {_INSTALL[name]}"
        )
    return module


def loaded(name: str) -> Any:
    """Return a library that is loaded, since a value of its classes exists."""
    return sys.modules[name]


def pyarrow() -> Any | None:
    """Return pyarrow, or None if it is not installed or older than MIN_PYARROW."""
    return None if _local.portable else _pyarrow()


@contextmanager
def portable() -> Iterator[None]:
    """Make this thread pack values in the form that every release reads, with any libraries.

    Pyarrow and separate buffers only make values faster to pack and to unpack.
    """
    outer = _local.portable
    _local.portable = True
    try:
        yield
    finally:
        _local.portable = outer


def is_portable() -> bool:
    """Return whether this thread is within `portable`."""
    return _local.portable


class _Local(threading.local):
    portable = False


_local = _Local()


@cache
def _pyarrow() -> Any | None:
    library = _imported("pyarrow")
    if library is None or _version(library) < MIN_PYARROW:
        return None
    import_module("pyarrow.compute")
    import_module("pyarrow.ipc")
    return library


def _imported(name: str) -> Any | None:
    try:
        return import_module(name)
    except ImportError:
        return None


def _version(module: Any) -> tuple[int, ...]:
    first = re.match(r"\d+", str(getattr(module, "__version__", "")))
    return (int(first[0]),) if first else ()
