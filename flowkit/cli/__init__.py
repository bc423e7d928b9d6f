"""The command ``flowkit``: the group, and what every command has in common.

A command is a thin skin: parse, one call, print. Results go to standard output, all else (notes,
progress, errors) to standard error. An error that flowkit raises on purpose is one sentence and an
exit code (``exit_codes``), never a traceback; a traceback is a bug of flowkit.

Each command's module is imported when it is asked for, so that ``--help`` and a typing mistake
cost no import of redis or rich.

Words of the command line may come from elsewhere (a run id out of a list), so what click says of
them is escaped like all else that is printed, and so is a traceback.
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

from .. import __version__
from ..core.display_text import escape_lines
from ..exceptions import FlowkitError
from ..options import unknown_name
from ..terminal import show_traceback
from .exit_codes import ExitCode, code_of, epilog

# Command → module, and what --help says of it, in the order of --help.
_COMMANDS = {
    "run": ("run", "Run a DAG with a scheduler and workers of its own, and show the results."),
    "dev": ("dev", "Run store, scheduler and workers in this terminal."),
    "submit": ("submit", "Hand a run to a running system."),
    "status": ("status", "Show how a run stands."),
    "result": ("result", "Show results of a run."),
    "cancel": ("control", "Stop a run."),
    "resume": ("control", "Take a run up again, from its failure or a task on."),
    "ls": ("listing", "List runs, newest first."),
    "workers": ("listing", "List live workers."),
    "dead": ("dead", "List, show and retry tasks that failed for good."),
    "graph": ("graph", "Draw a DAG, or a run and how it stands."),
}


# What writing to standard output may meet: a full disk, a quota, a device that fails.
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


class FlowkitGroup(click.Group):
    """A group that loads its commands late and turns errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a newcomer needs them."""
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
        """Find the command, or say which one may have been meant."""
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            problem = unknown_name("command", args[0], list(_COMMANDS))
            ctx.fail("U" + problem[1:])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in _COMMANDS.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line; a bug of flowkit's shows its traceback, escaped."""
        sys.excepthook = show_traceback
        return super().main(*args, **extra)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the options before the command."""
        with _escaped_usage_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an expected error becomes a sentence and an exit code."""
        _open_closed_streams()
        _write_what_cannot_be_encoded()
        try:
            with _escaped_usage_errors():
                return super().invoke(ctx)
        except FlowkitError as error:
            _tell(str(error))
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
            _tell(f"cannot write the output: {error.strerror}")
            ctx.exit(ExitCode.FAILED)


@contextlib.contextmanager
def _escaped_usage_errors() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        vars(error)["message"] = escape_lines(error.message)  # typed as final, and read late
        raise


def _tell(message: str) -> None:
    from .output import fail

    fail(message)


def _open_closed_streams() -> None:
    """Give whoever closed standard output or error (``>&-``) an empty one.

    Otherwise the next socket would get its number, and what is printed would go into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - open to the end
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _write_what_cannot_be_encoded() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _drop_output() -> None:
    """Let nothing more be written, and the interpreter's last flush succeed."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=FlowkitGroup,
    epilog=epilog(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="flowkit")
def main() -> None:
    """Workflows for Python people: run a DAG here, or on a system of workers.

    FILE_OR_MODULE[:DAG] is a Python file (etl.py) or a module (package.etl) and, if it has several
    DAGs, the name of one of them.
    """
