"""A child process that runs tasks for ``dag.run(executor="process")``, one call after another.

children.py starts it. It receives what all calls share (``Hello``) once, and answers each ``Call``
until the pipe is closed. Its rules:

1.  It dies with its parent, whatever it is doing. On Linux the kernel does that; on all systems a
    thread waits for the parent's end.
2.  It runs in a separate session, without a terminal, and ignores TERM and INT. They are for the
    parent, which kills this process together with everything that its tasks started.
3.  No exception of a task leaves ``_answer``.
4.  It exits without Python's shutdown: threads of user code must not keep a finished child alive.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any, NoReturn

from ...basics.display_text import error_text
from ...basics.environment import withhold_secrets
from ...context import enter_attempt
from ...definition.functions import unfit_result
from ...execution.attempt_contexts import AttemptContexts
from ...execution.progress import REPORTERS, end_reports
from ...execution.user_frames import user_frames
from ...logging import configure_logging
from ...logging.streams import PRINTED, end_lines
from ...logging.task_lines import set_sink
from ...processes.forked import end_if_forked
from ...processes.parent_death import signal_at_death_of
from ...processes.signals import FOR_PARENT, obey_parent_alone
from ...processes.standard_streams import detach_from_terminal, keep_streams_open
from .errors import pack_error, unpack_error
from .sent_lines import SentLines
from .shipping import find_function
from .wire import (
    BrokenCall,
    Call,
    Done,
    Hello,
    Raised,
    Ready,
    UnfitResult,
    class_names,
    pack,
    unpack,
)


def child_main(pipe: Connection) -> NoReturn:
    """Run in the child until the parent closes the pipe."""
    _tie_to_parent()
    withhold_secrets()
    # Write whole lines: the output of several children into one pipe does not mix, and printed
    # lines are not lost if this process is killed.
    keep_streams_open(line_buffering=True)
    # The parent blocked both signals until here, so that they cannot hit a starting interpreter.
    obey_parent_alone()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FOR_PARENT)
    with suppress(EOFError, OSError):
        hello: Hello = unpack(pipe.recv_bytes())
        capture = hello.capture_output
        configure_logging(hello.log_level, hello.log_json, capture_output=capture)
        child, lines = _Child(hello), SentLines(pipe)
        lines.send(pack(Ready(child.missing)))
        if capture:
            set_sink(lines)
        while True:
            answer = child.answer(pipe.recv_bytes())
            _flush()
            lines.send(answer)
    _flush()
    os._exit(0)


class _Child:
    """The functions of one run, and the way to call them."""

    def __init__(self, hello: Hello) -> None:
        self._run_id, self._params = hello.run_id, MappingProxyType(dict(hello.params))
        self._pid = os.getpid()
        self._functions: dict[int, Callable[..., Any]] = {}
        self.missing: dict[int, str] = {}
        for number, ref in hello.refs.items():
            try:
                self._functions[number] = find_function(_here(ref))
            except BaseException as error:
                self.missing[number] = str(error) or error_text(error)
        self._contexts = AttemptContexts()  # all calls share what modules set while being imported

    def answer(self, data: bytes) -> bytes:
        """Make one call in a new context, and return the packed reply."""
        return self._contexts.new().run(self._answer, data)

    def _answer(self, data: bytes) -> bytes:
        try:
            call: Call = unpack(data)
            if call.code is not None:
                self._functions[call.function] = unpack(call.code)
        except BaseException as error:
            problem = f"its function or its arguments cannot be read there ({error_text(error)})"
            return pack(BrokenCall(problem))
        func = self._functions[call.function]
        run_id, params = self._run_id, self._params
        if call.params is not None:
            run_id, params = call.run_id, MappingProxyType(dict(call.params))
        about = run_id, call.task_name, call.attempt, params
        enter_attempt(*about, comeback=call.comeback)
        begun = time.perf_counter()
        try:
            value = func(*call.args, **call.kwargs)
        except BaseException as error:
            end_if_forked(self._pid, error)
            return _packed_error(error)
        finally:
            if PRINTED:
                end_lines()
            if REPORTERS:
                end_reports()
        end_if_forked(self._pid)
        seconds = time.perf_counter() - begun
        unfit = unfit_result(call.task_name, value)
        return _packed_result(seconds, value) if unfit is None else pack(UnfitResult(unfit))


def _packed_result(seconds: float, value: object) -> bytes:
    try:
        return pack(Done(seconds, value))
    except BaseException as error:
        return pack(BrokenCall(f"its result cannot be sent back ({error_text(error)})"))


def _packed_error(error: BaseException) -> bytes:
    """Pack an exception, and its description. The traceback starts in user code."""
    packed, trace = None, ""
    with suppress(Exception):
        trace = "".join(traceback.format_exception(type(error), error, user_frames(error)))
    with suppress(Exception):
        data = pack_error(error)
        # Some can be packed but not unpacked, because of their content or their own __reduce__.
        if type(unpack_error(data)) is type(error):
            packed = data
    kind, _, message = error_text(error).partition(": ")
    return pack(Raised(packed, kind, message, trace, class_names(type(error).__mro__)))


def _here(ref: str) -> str:
    """Return the reference as this process knows it: scripts are imported under another name."""
    return f"__mp_{ref[2:]}" if ref.startswith("__main__:") else ref


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _tie_to_parent() -> None:
    parent = parent_process()
    detach_from_terminal()
    if parent is None or not signal_at_death_of(parent.pid or 0, signal.SIGKILL):
        os._exit(0)
    threading.Thread(target=_end_with, args=(parent,), name="flowkit-parent", daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os.killpg(0, signal.SIGKILL)
