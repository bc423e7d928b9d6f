"""Standard input, output and error of a process that runs user tasks.

A task may do to these streams whatever a program may do to its own. These rules keep that from
harming later tasks, log lines and connections:

1.  Descriptors 0, 1 and 2 are always open. Otherwise the next pipe or socket would get such a
    number, and the output of a task's program would go into it.
2.  Closing ``sys.stdout`` or ``sys.stderr``, or a wrapper around their ``buffer`` (which garbage
    collection closes too), only flushes them.
3.  Standard input is empty, and there is no controlling terminal: ``/dev/tty`` cannot be opened.
    The kernel stops a background process that reads from its terminal, and its task would neither
    end nor fail.
4.  ``breakpoint()`` raises an error that says where a debugger works, unless PYTHONBREAKPOINT names
    a debugger. A hook that the app installs also wins.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from ..logging.streams import descend

_NAMES = {1: "stdout", 2: "stderr"}
_replaced: list[Any] = []


def open_missing_descriptors() -> None:
    """Open the null device for each of the descriptors 0, 1 and 2 that is closed."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def open_missing_streams() -> None:
    """Do the same, and create ``sys.stdout`` and ``sys.stderr`` if they are missing."""
    open_missing_descriptors()
    for number, name in _NAMES.items():
        if getattr(sys, name) is None:
            setattr(sys, name, _kept_open(number, None, line_buffering=False))


def detach_from_terminal() -> None:
    """Apply the third and the fourth rule. The process must not lead a group yet."""
    os.setsid()
    open_missing_descriptors()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.breakpointhook = _breakpoint


def keep_streams_open(*, line_buffering: bool | None = None) -> None:
    """Apply the first and the second rule to the streams that were not replaced.

    ``line_buffering``: whether to write each line at once, None to keep the setting.
    """
    open_missing_streams()
    for number, name in _NAMES.items():
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            lines = stream.line_buffering if line_buffering is None else line_buffering
            stream.flush()
            setattr(sys, name, _kept_open(number, stream, line_buffering=lines))


def divert(pipe: int) -> None:
    """Let the descriptors 1 and 2 be this pipe, whose descriptor is closed. ``sys.stdout`` and
    ``sys.stderr`` write to where they did before.

    Programs that a task starts, and C code, write to the pipe. So does what code writes to
    ``sys.stdout.buffer``, and what uses ``fileno()`` of a captured stream.
    """
    for number, name in _NAMES.items():
        original = os.dup(number)
        stream = getattr(sys, name)
        stream.flush()
        _replaced.append(stream)  # garbage collection may close the descriptor of a stream
        lines = getattr(stream, "line_buffering", False)
        setattr(sys, name, _kept_open(original, stream, line_buffering=lines))
        os.dup2(pipe, number)  # inheritable
        raw: Any = _KeptRaw(number, "w", closefd=False)
        programs = _KeptStream(raw, "utf-8", "backslashreplace", write_through=True)
        descend(name, programs)
    os.close(pipe)


class _KeptBuffer(io.BufferedWriter):
    def close(self) -> None:
        """Only flush: later tasks write to a stream that a task has closed."""
        self.flush()


class _KeptStream(io.TextIOWrapper):
    def close(self) -> None:
        """Only flush: later tasks write to a stream that a task has closed."""
        self.flush()

    def detach(self) -> io.BufferedWriter:
        """Return a buffer to wrap. This stream stays usable."""
        self.flush()
        return _buffer(self.fileno())


def _kept_open(
    number: int, stream: io.TextIOWrapper | None, *, line_buffering: bool
) -> io.TextIOWrapper:
    """Return a stream on a descriptor, with the encoding of ``stream``."""
    unbuffered = stream is not None and stream.write_through  # PYTHONUNBUFFERED
    raw: Any = _KeptRaw(number, "w", closefd=False)
    return _KeptStream(
        raw if unbuffered else _buffer(number),
        encoding="utf-8" if stream is None else stream.encoding,
        errors="backslashreplace" if stream is None else stream.errors,
        line_buffering=line_buffering,
        write_through=unbuffered,
    )


class _KeptRaw(io.FileIO):
    def close(self) -> None:
        """Do nothing: later tasks write to a stream that a task has closed."""


def _buffer(number: int) -> _KeptBuffer:
    return _KeptBuffer(io.FileIO(number, "w", closefd=False))


def _breakpoint(*args: Any, **kwargs: Any) -> Any:
    if os.environ.get("PYTHONBREAKPOINT"):
        return sys.__breakpointhook__(*args, **kwargs)
    raise RuntimeError(
        "breakpoint() needs a terminal, and this task runs in a process that has none. Run the DAG "
        "with dag.run(executor='thread') to debug it, call the task as a function, or set "
        "PYTHONBREAKPOINT to a debugger that works over the network."
    )
