"""The command ``flowkit``: the group, and what every command has in common.

A command is a thin layer: it parses, makes one call and prints. Results go to standard output;
everything else (notes, progress, errors) goes to standard error. An error that flowkit raises on
purpose becomes one sentence and an exit code (``exit_codes``), never a traceback. A traceback is a
bug in flowkit.

The module of a command is imported only when the command is used, so that ``--help`` and a typing
mistake do not import redis or rich.

Arguments may contain text from outside, such as a run id copied from a list. So click's messages
are escaped like all other output, and so are tracebacks.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click

from ..basics.display_text import escape_lines
from ..basics.suggestions import unknown_name
from ..basics.terminal import show_traceback
from ..basics.version import VERSION
from ..client.caller import calling_through
from ..daemon.exit_codes import ExitCode, code_of, epilog
from ..exceptions import FlowkitError

# Command → module and summary, in the order of --help.
_COMMANDS = {
    "run": ("run", "Run a DAG with its own scheduler and workers, and show the results."),
    "dev": ("dev", "Run a store, a scheduler and workers in this terminal."),
    "submit": ("submit", "Submit a run to a running system."),
    "status": ("status", "Show the state of a run and its tasks."),
    "watch": ("watch", "Follow a run until its end, with its running tasks."),
    "why": ("why", "Say why a run or a task is not over, or how it ended."),
    "result": ("result", "Show the results of a run."),
    "history": ("history", "Show what happened to a run: attempts, errors, who changed it."),
    "logs": ("logs", "Show what the tasks of a run printed and logged."),
    "export": ("export", "Write a run to a file that a browser opens without a network."),
    "cancel": ("control", "Cancel a run."),
    "resume": ("control", "Resume a run from where it failed, or from a given task."),
    "retry": ("retry", "Start tasks again at once that wait for a retry or have failed."),
    "ls": ("listing", "List runs, newest first."),
    "purge": ("purge", "Delete many runs that are over, by age, state and DAG."),
    "delete": ("delete", "Delete runs that are over, with all their data."),
    "dags": ("dags", "Show how many runs of each DAG fail, and how long its tasks take."),
    "usage": ("usage", "Show how much memory of Redis the runs take, by DAG."),
    "workers": ("workers", "List live workers."),
    "queues": ("queues", "Show what waits in each queue, since when, and who serves it."),
    "top": ("top", "Show runs, queues and workers live, with keys to look into runs."),
    "dashboard": ("dashboard", "Show the system in a browser."),
    "doctor": ("doctor", "Check Redis, the scheduler, the workers and the queues."),
    "dead": ("dead", "List, show and retry tasks that failed for good."),
    "params": ("params", "List the run parameters of a DAG, with types and defaults."),
    "graph": ("graph", "Draw a DAG, or a run with the state of each task."),
    "completion": ("completion", "Print a script that completes commands and run ids in a shell."),
}


# Errors of the output that are not bugs: a full disk, a quota, a failing device.
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


class FlowkitGroup(click.Group):
    """A group that imports a command when it is used, and turns errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names, in the order in which a new user needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f".{_COMMANDS[cmd_name][0]}", __name__)
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest the closest name."""
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            problem = unknown_name("command", args[0], list(_COMMANDS))
            ctx.fail("U" + problem[1:])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line. A bug in flowkit shows an escaped traceback."""
        sys.excepthook = show_traceback
        return super().main(*args, **extra)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the options before the command."""
        with _escaped_usage_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. An expected error becomes a sentence and an exit code."""
        _open_closed_streams()
        _escape_unencodable_output()
        try:
            with _escaped_usage_errors(), calling_through("cli"):
                return super().invoke(ctx)
        except FlowkitError as error:
            _print_error(str(error))
            ctx.exit(code_of(error))
        except KeyboardInterrupt:
            ctx.exit(ExitCode.INTERRUPTED)
        except BrokenPipeError:
            _drop_output()
            ctx.exit(ExitCode.BROKEN_PIPE)
        except OSError as error:
            if error.errno not in _CANNOT_WRITE:
                raise
            _drop_output()
            _print_error(f"cannot write the output: {error.strerror}")
            ctx.exit(ExitCode.FAILED)


@contextlib.contextmanager
def _escaped_usage_errors() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        vars(error)["message"] = escape_lines(error.message)  # declared Final, read by show()
        raise


def _print_error(message: str) -> None:
    from .output import fail

    fail(message)


def _open_closed_streams() -> None:
    """Open /dev/null in place of a standard stream that the caller closed (``>&-``).

    Otherwise the next socket would get its number, and output would be written to that socket.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - stays open
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _escape_unencodable_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _drop_output() -> None:
    """Discard further output, so that the interpreter's final flush succeeds."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=FlowkitGroup,
    epilog=epilog(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, prog_name="flowkit")
def main() -> None:
    """Run DAGs of Python functions, on this machine or on a system of workers.

    FILE_OR_MODULE[:DAG] is a Python file (etl.py) or a module (package.etl). If it defines several
    DAGs, add the name of one of them, or the name of a function that returns a DAG.
    """
