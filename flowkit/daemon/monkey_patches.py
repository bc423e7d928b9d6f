"""Detecting that gevent or eventlet has replaced the threads and sockets that daemons need.

A worker's child blocks in its main thread while other threads report and listen. With patched
modules these "threads" share one thread and only run when another one yields, so the worker would
silently claim nothing. So the daemons refuse to work in such a process.
"""

from __future__ import annotations

import sys

_NEEDED = ("thread", "threading", "socket", "select")


def patched_by() -> str | None:
    """Return the call that has patched this process, None if it is not patched.

    The libraries are only asked if they are already imported.
    """
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None and any(map(gevent.is_module_patched, _NEEDED)):
        return "gevent.monkey.patch_all()"
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None and any(map(eventlet.is_monkey_patched, _NEEDED)):
        return "eventlet.monkey_patch()"
    return None


def why_refused(who: str) -> str | None:
    """Return why ``who`` cannot work in this process, None if it can."""
    call = patched_by()
    if call is None:
        return None
    return (
        f"{who} calls {call}, which replaces the threads and sockets that flowkit's daemons need: "
        "a worker would claim nothing. Leave that call out of what daemons import, for example "
        "under `if __name__ == '__main__':`. To wait for many things at a time, write tasks with "
        "`async def`."
    )
