"""The options that the daemons share, and the commands with Redis, and how they become settings."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from ..basics.display_text import escape_text
from ..basics.durations import MAX_DELAY_S
from ..basics.log_level import LogLevel
from ..basics.terminal import show_traceback
from ..configuration.redis_url import redact_url
from ..configuration.shards import Shard
from ..exceptions import FlowkitError
from ..settings import Settings, load_settings
from .exit_codes import code_of
from .monkey_patches import why_refused

_F = TypeVar("_F", bound=Callable[..., Any])
_SETTINGS = (
    "redis_url",
    "namespace",
    "result_ttl",
    "function_timeout",
    "log_level",
    "log_json",
    "allow_eviction",
    "redis_patched",
    "capture_output",
    "app_version",
)


class Seconds(click.FloatRange):
    """A number of seconds between 0 and ten years. NaN, which no range excludes, is refused."""

    def __init__(self, *, min_open: bool = False) -> None:
        super().__init__(min=0, max=MAX_DELAY_S, min_open=min_open)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or fail as click does."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return number


def redis_options(command: _F) -> _F:
    """Add ``--redis``, ``--namespace`` and ``--allow-eviction``."""
    command = click.option(
        "--allow-eviction",
        is_flag=True,
        default=None,
        help="Accept a Redis that may delete keys when its memory is full.",
    )(command)
    command = click.option(
        "--redis",
        "redis_url",
        metavar="URL",
        help="Redis URL, or several separated by spaces [FLOWKIT_REDIS_URL, pyproject.toml].",
    )(command)
    return click.option(
        "--namespace",
        metavar="NAME",
        help="Prefix of all keys. A URL can set its own with #NAME [FLOWKIT_NAMESPACE; default: "
        "flowkit].",
    )(command)


def app_version_option(command: _F) -> _F:
    """Add ``--version``, also spelled ``--app-version``."""
    return click.option(
        "--version",
        "--app-version",
        "app_version",
        metavar="TEXT",
        help="Version of the app's code, for example a release or a commit [FLOWKIT_APP_VERSION; "
        "default: a digest of the app's modules].",
    )(command)


def daemon_options(command: _F) -> _F:
    """Add the options of a daemon: Redis, log level and format."""
    command = click.option(
        "--redis-patched",
        is_flag=True,
        default=None,
        help="Do not warn about the version of Redis, because its distribution has patched it "
        "[FLOWKIT_REDIS_PATCHED].",
    )(command)
    command = click.option(
        "--log-json", is_flag=True, default=None, help="Write log lines as JSON [FLOWKIT_LOG_JSON]."
    )(command)
    command = click.option(
        "--log-level",
        type=click.Choice(list(LogLevel.__members__), case_sensitive=False),
        help="Minimum level to log [FLOWKIT_LOG_LEVEL; default: INFO].",
    )(command)
    return redis_options(command)


def settings_from(options: dict[str, Any], *, uses_redis: bool = True) -> Settings:
    """Return the settings, overridden by these flags. Raises UsageError (exit code 2).

    ``uses_redis``: whether the command connects to the Redis of the settings.
    """
    flags = {name: options[name] for name in _SETTINGS if options.get(name) is not None}
    try:
        settings = load_settings(**flags)
    except FlowkitError as error:
        raise click.UsageError(str(error)) from None
    if uses_redis:
        _note_parent_file(settings)
    return settings


def _note_parent_file(settings: Settings) -> None:
    """Print a note if the Redis URL comes from a file in a parent directory."""
    path = settings.redis_file
    if path is not None and path.parent != Path.cwd().resolve():
        where = redact_url(settings.redis_url or "")
        click.echo(escape_text(f"Using Redis at {where}, from {path}."), err=True)


def required_shards(settings: Settings, command: str) -> tuple[Shard, ...]:
    """Return the shards, one per Redis URL. Raises UsageError if no URL is set."""
    if not settings.shards:
        raise click.UsageError(
            f"{command} needs a Redis. Pass --redis redis://localhost:6379, set FLOWKIT_REDIS_URL, "
            "or set redis-url under [tool.flowkit] in pyproject.toml. Without a Redis, "
            "'flowkit dev --app …' runs everything in one terminal (with --dashboard, a page too)."
        )
    return settings.shards


def refuse_patched(program: str) -> None:
    """Raise UsageError if gevent or eventlet has patched modules that a daemon uses."""
    reason = why_refused(f"The process of {program}")
    if reason is not None:
        raise click.UsageError(reason)


def end_as(daemon: Callable[[], int]) -> NoReturn:
    """Run a daemon and exit with its code. An expected error becomes a sentence and an exit code.

    The traceback of any other error is printed with control characters escaped.
    """
    sys.excepthook = show_traceback
    try:
        code = daemon()
    except FlowkitError as error:
        click.echo(f"Error: {error}", err=True)  # str(error) is already escaped
        code = code_of(error)
    sys.exit(code)
