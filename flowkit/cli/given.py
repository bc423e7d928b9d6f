"""Reading the run parameters that a command line gives: texts, and files.

Nothing is converted here: that needs the annotations of the DAG, which is loaded later.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import click

from ..parameters.conversion import GivenJSON, GivenText
from ..parameters.texts import Misfit, read_json

Given = Mapping[str, GivenText | GivenJSON]
# A document, not data: what is larger belongs into a file that the tasks read.
MOST_BYTES = 64 * 1024 * 1024


def parse_params(texts: Sequence[str], params_file: str | None = None) -> Given:
    """Return the values of ``-p`` options and of a JSON file, by name. Raises UsageError."""
    values: dict[str, GivenText | GivenJSON] = {}
    for text in texts:
        key, equals, raw = text.partition("=")
        if not equals or not key.isidentifier():
            _refuse(f"-p {text!r}: write KEY=VALUE, where KEY is the name of a task parameter.")
        if key in values:
            _refuse(f"-p {key!r} is given twice.")
        values[key] = _text(key, raw)
    return {**_document(params_file), **values} if params_file is not None else values


def _text(key: str, raw: str) -> GivenText:
    if raw.startswith("@@"):
        return GivenText(raw[1:], is_literal=True)
    if not raw.startswith("@"):
        return GivenText(raw)
    content = _read(f"-p {key}", raw[1:])
    if not raw.endswith(".json"):
        return GivenText(content)
    return GivenText(content, is_json=True)


def _document(path: str) -> dict[str, GivenJSON]:
    what = "--params-file"
    try:
        value = read_json(_read(what, path))
    except Misfit as misfit:
        _refuse(f"{what}: {path!r} must contain a JSON object: {misfit}.")
    if not isinstance(value, dict):
        _refuse(f'{what}: {path!r} must contain a JSON object, such as {{"day": "2026-11-28"}}.')
    return {key: GivenJSON(item) for key, item in value.items()}


def _read(what: str, path: str) -> str:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            _refuse(
                f"{what}: {path!r} has more than {MOST_BYTES >> 20} MiB. Pass its path as the "
                "parameter, and let the task read it."
            )
        return data.decode("utf-8")
    except OSError as error:
        _refuse(f"{what}: {path!r} cannot be read: {error.strerror}.")
    except UnicodeDecodeError:
        _refuse(f"{what}: {path!r} is not UTF-8 text.")
    except ValueError:
        _refuse(f"{what}: {path!r} is not the name of a file.")


def _refuse(problem: str) -> NoReturn:
    raise click.UsageError(problem)
