"""Parse the arguments of commands: apps, DAGs and run parameters."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from ..daemon.options import Seconds

if TYPE_CHECKING:
    from ..app import App
    from ..dag import DAG

_F = TypeVar("_F", bound=Callable[..., Any])

params_option = click.option(
    "-p",
    "--param",
    "given",
    metavar="KEY=VALUE",
    multiple=True,
    help="Run parameter. VALUE is read as JSON if possible, else as text. KEY=@FILE reads VALUE "
    "from a file; KEY=@@TEXT is the text @TEXT.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

timeout_option = click.option(
    "--timeout",
    type=Seconds(min_open=True),
    metavar="SECONDS",
    help="Wait at most this long.",
)


def limit_option(default: int) -> Callable[[_F], _F]:
    """Return the option ``--limit`` of a list."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        metavar="N",
        help="Maximum number of entries.",
    )


def seconds_of(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return a duration such as 90, 90s, 30m, 1h or 7d in seconds. Raises BadParameter."""
    from ..configuration.quantities import duration

    if value is None:
        return None
    seconds = duration(value)
    if not seconds:
        raise click.BadParameter(f"{value!r} is not a duration: write 90s, 30m, 1h or 7d.")
    return seconds


def since_option(text: str) -> Callable[[_F], _F]:
    """Return the option ``--since`` of a list, with this help."""
    return click.option("--since", metavar="DURATION", callback=seconds_of, help=text)


def checked_run_id(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the run id if it is valid. A click callback. Raises BadParameter."""
    from ..client.run_ids import check_run_id

    try:
        return None if value is None else check_run_id(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


run_argument = click.argument("run_id", metavar="RUN", callback=checked_run_id)
dag_argument = click.argument("spec", metavar="FILE_OR_MODULE[:DAG]")


def load_app_quietly(target: str) -> App:
    """Load an app. Output of its module goes to standard error. Raises AppError.

    The working directory is restored afterwards: paths that the user typed, and those that daemons
    load, are relative to it.
    """
    from ..app import load_app

    with contextlib.redirect_stdout(sys.stderr), _working_directory_kept():
        return load_app(target)


@contextlib.contextmanager
def _working_directory_kept() -> Iterator[None]:
    before = os.getcwd()
    try:
        yield
    finally:
        os.chdir(before)


def load_dag(spec: str) -> tuple[str, DAG]:
    """Return the app's file or module, and the named DAG. Raises DAGError."""
    from ..app import split_spec

    target, name = split_spec(spec)
    return target, load_app_quietly(target).dag(name)


def parse_params(given: Sequence[str]) -> dict[str, object]:
    """Return the values of ``-p`` options. Raises UsageError."""
    values: dict[str, object] = {}
    for text in given:
        key, equals, raw = text.partition("=")
        if not equals or not key.isidentifier():
            _refuse(f"{text!r}: write KEY=VALUE, where KEY is the name of a task parameter.")
        if key in values:
            _refuse(f"{key!r} is given twice.")
        values[key] = _value(key, raw)
    return values


def _value(key: str, raw: str) -> object:
    if raw.startswith("@@"):
        return raw[1:]
    if raw.startswith("@"):
        return _from_file(key, Path(raw[1:]))
    is_json, value = _as_json(key, raw)
    return value if is_json else raw


def _from_file(key: str, path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        _refuse(f"{key}: {str(path)!r} cannot be read: {error.strerror}.")
    except ValueError:
        _refuse(f"{key}: {str(path)!r} is not UTF-8 text.")
    is_json, value = _as_json(key, text)
    if not is_json and path.suffix == ".json":
        _refuse(f"{key}: {str(path)!r} is not valid JSON.")
    return value if is_json else text


def _as_json(key: str, text: str) -> tuple[bool, object]:
    def number(digits: str) -> int:
        try:
            return int(digits)
        except ValueError:  # too many digits; text would be a different value
            _refuse(
                f"{key}: an integer of {len(digits):,} digits is too long. Set "
                f"PYTHONINTMAXSTRDIGITS={len(digits)} in the environment to allow it."
            )

    try:
        return True, json.loads(text, parse_constant=_no_json, parse_int=number)
    except (ValueError, RecursionError):
        return False, None


def _no_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _refuse(problem: str) -> NoReturn:
    raise click.UsageError(f"-p {problem}")
