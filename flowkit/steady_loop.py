"""An event loop that keeps running, whatever the coroutines on it do.

asyncio lets SystemExit and KeyboardInterrupt out of the loop, wherever they are raised: in a child
coroutine, in a callback. ``loop.stop()`` ends it as well. For one attempt's mistake all others on
the loop would hang for ever, or be cancelled and blamed. So the loop is run again: it has lost
nothing. Its coroutines go on where they were, and the attempt that did it fails with what it
raised. Whose attempt it was follows from the context of the callback that raised; where that cannot
be told (another loop than asyncio's own), whoever awaits the coroutine gets the exception.

It refuses to run a loop that was closed: what ran on it is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

from .context import attempt_fields
from .log_output import described
from .logging import LogLevel, get_logger

Result = TypeVar("Result")


# The asyncio task of one attempt, and behind it what a part of it has let out of the loop; by the
# identity of what the attempt's context says of it. A context variable of its own measured 1.2 µs
# more per attempt.
Root = list[Any]
_roots: dict[int, Root] = {}


def enter_root() -> Root:
    """Say that the current asyncio task is that of the current attempt, until ``leave_root``.

    Return a list that begins with the task. If a part of the attempt lets an exception out of the
    loop, the task is cancelled, and the list has the exception behind it.
    """
    root: Root = [asyncio.current_task()]
    _roots[id(attempt_fields())] = root
    return root


def leave_root() -> None:
    """Undo ``enter_root``."""
    _roots.pop(id(attempt_fields()), None)


async def as_root(work: Coroutine[Any, Any, Result]) -> Result:
    """Await an attempt's coroutine; fail with what any part of it lets out of the loop.

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
        root.clear()  # what is raised holds this frame, and the asyncio task holds what is raised


def run_steadily(loop: asyncio.AbstractEventLoop, is_over: Callable[[], bool]) -> None:
    """Run a loop until ``is_over()``; to end it, make that true and stop the loop.

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
            _fail_culprit(error)
    loop.set_task_factory(None)  # one of the app's that raises would keep the loop from closing


def _fail_culprit(error: BaseException | None) -> None:
    """Say that the loop was ended, and fail the attempt that did it, if that can be told."""
    context = None if error is None else _context_of(error)
    fields = None if context is None else context.run(attempt_fields)
    about: dict[str, object] = {}
    if fields is not None:
        about |= zip(("run_id", "task_name", "attempt"), fields[:3], strict=True)
    how = "by loop.stop()" if error is None else "by {}: {}".format(*described(error))
    message = f"A task ended the event loop ({how}). The loop runs again"
    get_logger().event(LogLevel.ERROR, "loop_ended", message.replace(": )", ")"), **about)
    root = None if fields is None else _roots.get(id(fields))
    if root is not None:
        root[1:] = [error]
        root[0].cancel()


def _context_of(error: BaseException) -> Context | None:
    """Return the context of the callback that let an exception out of the loop."""
    trace = error.__traceback__
    while trace is not None:
        handle = trace.tb_frame.f_locals.get("self")
        if isinstance(handle, asyncio.Handle):
            context = getattr(handle, "_context", None)  # there is no public way to it
            return context if isinstance(context, Context) else None
        trace = trace.tb_next
    return None
