"""An event loop that keeps running, whatever the coroutines on it do.

asyncio lets SystemExit and KeyboardInterrupt escape from the loop, wherever they are raised: in a
child coroutine or in a callback. ``loop.stop()`` ends the loop too. Because of one attempt's
mistake, all others on the loop would hang forever, or be cancelled and blamed. So the loop is
started again, without losing anything: its coroutines continue, and the attempt that ended the loop
fails with what it raised. The context of the callback that raised identifies the attempt. If that
is impossible (with a loop other than asyncio's), the code that awaits the coroutine gets the
exception.

This module refuses to run a loop that was closed, since everything on it is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

from ..context import attempt_fields
from ..events.attempts import LoopEnded
from ..logging import get_logger
from ..logging.event_log import EventLog
from ..logging.output import described

Result = TypeVar("Result")


# The asyncio task of one attempt, followed by an exception of a part of it that escaped from the
# loop. The key is the identity of the attempt's fields in its context: a separate context variable
# would cost 1.2 µs more per attempt.
Root = list[Any]
_roots: dict[int, Root] = {}


def enter_root() -> Root:
    """Register the current asyncio task as that of the current attempt, until ``leave_root``.

    Returns a list that begins with the task. If an exception of a part of the attempt escapes from
    the loop, the task is cancelled and the exception is appended to the list.
    """
    root: Root = [asyncio.current_task()]
    _roots[id(attempt_fields())] = root
    return root


def leave_root() -> None:
    """Undo ``enter_root``."""
    _roots.pop(id(attempt_fields()), None)


async def as_root(work: Coroutine[Any, Any, Result]) -> Result:
    """Await an attempt's coroutine. An exception of any part that escapes from the loop fails it.

    Raises what ``work`` raises, and SystemExit or KeyboardInterrupt of a part of it.
    """
    root = enter_root()
    try:
        result = await work
        if len(root) > 1:
            raise root[1]
        return result
    except BaseException:
        if len(root) > 1:
            raise root.pop() from None
        raise
    finally:
        leave_root()
        root.clear()  # avoid a cycle: the exception holds this frame, the task the exception


def run_steadily(loop: asyncio.AbstractEventLoop, is_over: Callable[[], bool]) -> None:
    """Run a loop until ``is_over()`` is true. To end it, make that true and stop the loop.

    Raises RuntimeError if the loop was closed.
    """
    while not is_over():
        error: BaseException | None = None
        try:
            loop.run_forever()
        except BaseException as raised:
            if loop.is_closed():
                raise
            error = raised
        if not is_over():
            _fail_attempt(error)
    loop.set_task_factory(None)  # the app's factory might raise and keep the loop from closing


def _fail_attempt(error: BaseException | None) -> None:
    """Log that the loop was ended, and fail the attempt that ended it, if it can be identified."""
    context = None if error is None else _context_of(error)
    fields = None if context is None else context.run(attempt_fields)
    run_id, task_name, attempt = fields[:3] if fields else (None, None, None)
    how = "loop.stop()" if error is None else ": ".join(filter(None, described(error)))
    EventLog(get_logger()).hear(
        LoopEnded(how=f"by {how}", run_id=run_id, task_name=task_name, attempt=attempt)
    )
    root = None if fields is None else _roots.get(id(fields))
    if root is not None:
        root[1:] = [error]
        root[0].cancel()


def _context_of(error: BaseException) -> Context | None:
    """Return the context of the callback whose exception escaped from the loop."""
    trace = error.__traceback__
    while trace is not None:
        handle = trace.tb_frame.f_locals.get("self")
        if isinstance(handle, asyncio.Handle):
            context = getattr(handle, "_context", None)  # it has no public attribute
            return context if isinstance(context, Context) else None
        trace = trace.tb_next
    return None
