"""Runs a daemon with one thing changed, for ``benchmarks.variants``.

``python -m benchmarks.variant_host VARIANT MODULE OPTION…``: the module runs as it would with
``python -m``. It changes this process only, and is not for production.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import runpy
import sys
from collections.abc import Callable


def without_hiredis() -> None:
    """Make redis-py write and parse in Python, by hiding the package."""
    sys.modules["hiredis"] = None  # type: ignore[assignment]


def with_uvloop() -> None:
    """Run coroutines on uvloop."""
    uvloop = importlib.import_module("uvloop")
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


CHANGES: dict[str, Callable[[], None]] = {
    "no-collector": gc.disable,
    "no-hiredis": without_hiredis,
    "uvloop": with_uvloop,
}


if __name__ == "__main__":
    CHANGES[sys.argv[1]]()
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
