"""The exit codes of all programs, and which error leads to which code."""

from __future__ import annotations

from enum import IntEnum

from ..exceptions import (
    BadRedisURL,
    DAGError,
    FlowkitError,
    IllegalValue,
    RunAlreadyOver,
    RunDamaged,
    RunExists,
    RunLost,
    RunNotFound,
    RunNotOver,
    SettingsError,
    StoreError,
    TaskNotFailed,
    TaskNotFoundError,
    WaitTimeout,
    WrongShards,
)


class ExitCode(IntEnum):
    """The exit code of a command. ``MEANING`` describes each one in ``flowkit --help``."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_REDIS = 3
    NOT_POSSIBLE = 4
    TIMEOUT = 5
    WARNING = 6
    PROBLEM = 7
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANING = {
    ExitCode.OK: "success",
    ExitCode.FAILED: "the run failed or was cancelled",
    ExitCode.USAGE: "wrong usage, or the app cannot be loaded",
    ExitCode.NO_REDIS: "Redis cannot be reached, is unfit, or has lost or damaged the run",
    ExitCode.NOT_POSSIBLE: "no such run or task, or its state does not allow this",
    ExitCode.TIMEOUT: "the wait timed out",
    ExitCode.WARNING: "`flowkit doctor` found something that may go wrong",
    ExitCode.PROBLEM: "`flowkit doctor` found a problem",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
    ExitCode.BROKEN_PIPE: "broken pipe",
}

# The first match wins.
_CODES: tuple[tuple[type[FlowkitError], ExitCode], ...] = (
    (DAGError, ExitCode.USAGE),
    (SettingsError, ExitCode.USAGE),
    (IllegalValue, ExitCode.USAGE),
    (BadRedisURL, ExitCode.USAGE),
    (WrongShards, ExitCode.USAGE),
    (StoreError, ExitCode.NO_REDIS),
    (RunLost, ExitCode.NO_REDIS),
    (RunDamaged, ExitCode.NO_REDIS),
    (RunNotFound, ExitCode.NOT_POSSIBLE),
    (RunExists, ExitCode.NOT_POSSIBLE),
    (RunAlreadyOver, ExitCode.NOT_POSSIBLE),
    (RunNotOver, ExitCode.NOT_POSSIBLE),
    (TaskNotFailed, ExitCode.NOT_POSSIBLE),
    (TaskNotFoundError, ExitCode.NOT_POSSIBLE),
    (WaitTimeout, ExitCode.TIMEOUT),
)


def code_of(error: FlowkitError) -> ExitCode:
    """Return the exit code for an error that ends a command."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)


def epilog() -> str:
    """Return the table of exit codes for ``--help``."""
    lines = [f"  {code.value:<5}{meaning}" for code, meaning in MEANING.items()]
    return "\b\nExit codes:\n" + "\n".join(lines)
