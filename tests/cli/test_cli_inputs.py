"""What ``-p`` makes of what users type."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from flowkit.cli import main
from flowkit.cli.given import parse_params
from flowkit.cli.loading import load_app_quietly
from flowkit.exceptions import AppError
from flowkit.parameters.conversion import convert
from flowkit.parameters.texts import Misfit


def read(*typed: str, params_file: str | None = None) -> dict[str, object]:
    """Return what parameters without annotation get."""
    given = parse_params(typed, params_file)
    return {name: convert(value, Any) for name, value in given.items()}


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("k=5", 5),
        ('k="5"', "5"),
        ('k=[1, "a"]', [1, "a"]),
        ("k=text", "text"),
        ("k=a=b", "a=b"),
        ("k=", ""),
        ("k=@@home", "@home"),
        ("k=@@5", "@5"),
        ("größe=1", 1),
    ],
)
def test_a_value_is_json_if_it_is_json_and_text_otherwise(typed: str, value: object) -> None:
    parsed = read(typed)
    assert list(parsed.values()) == [value]
    assert type(next(iter(parsed.values()))) is type(value)


def test_several_parameters() -> None:
    assert read("a=1", "b=x") == {"a": 1, "b": "x"}


def test_a_file_is_json_or_text(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"rows": [1, 2]}')
    (tmp_path / "note.txt").write_text("just words\n")
    (tmp_path / "number.txt").write_text("12\n")
    given = [f"a=@{tmp_path}/data.json", f"b=@{tmp_path}/note.txt", f"c=@{tmp_path}/number.txt"]
    assert read(*given) == {"a": {"rows": [1, 2]}, "b": "just words\n", "c": 12}


def test_a_file_is_converted_to_the_annotation(tmp_path: Path) -> None:
    (tmp_path / "day").write_text("2026-11-28\n")
    (tmp_path / "ids.json").write_text("[1, 2]")
    given = parse_params([f"day=@{tmp_path}/day", f"ids=@{tmp_path}/ids.json"])
    assert convert(given["day"], date) == date(2026, 11, 28)
    assert convert(given["day"], str) == "2026-11-28\n"
    assert convert(given["ids"], tuple[int, ...]) == (1, 2)
    assert convert(given["ids"], str) == "[1, 2]"


def test_a_document_gives_many_parameters_and_options_take_precedence(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"limit": 5, "word": "5", "both": "document"}')
    assert read("both=option", params_file=str(path)) == {
        "limit": 5,
        "word": "5",
        "both": "option",
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", 'must contain a JSON object, such as {"day": "2026-11-28"}'),
        ("{", "must contain a JSON object: it is not valid JSON"),
        ('{"day": 1, "day": 2}', "must contain a JSON object: 'day' is given twice"),
        ("[" * 100_000, "must contain a JSON object: it is nested too deeply"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_document_that_is_no_object_is_refused(
    tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(click.UsageError) as caught:
        parse_params([], str(path))
    assert f"--params-file: '{path}' {said}" in caught.value.message


def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowkit.cli.given.MOST_BYTES", 8)
    (tmp_path / "fits").write_text("x" * 8)
    (tmp_path / "large").write_text("x" * 9)
    assert read(f"k=@{tmp_path}/fits") == {"k": "x" * 8}
    with pytest.raises(click.UsageError, match="let the task read it"):
        parse_params([f"k=@{tmp_path}/large"])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["nothing"], "'nothing': write KEY=VALUE"),
        (["=5"], "write KEY=VALUE"),
        (["a-b=5"], "write KEY=VALUE"),
        (["a=1", "a=2"], "'a' is given twice"),
        (["a=@/no/such/file"], "'/no/such/file' cannot be read"),
        (["a=@"], "cannot be read"),
        (["a=@x\0y"], "is not the name of a file"),
    ],
)
def test_a_mistake_is_reported(typed: list[str], said: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        parse_params(typed)
    assert said in caught.value.message


@pytest.mark.parametrize("typed", ["n=" + "1" * 5000, "n=[1, " + "1" * 5000 + "]"])
def test_an_integer_of_too_many_digits_is_refused(typed: str) -> None:
    with pytest.raises(Misfit, match="an integer of 5,000 digits is too long"):
        read(typed)


def test_a_json_file_must_hold_json(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{not json")
    with pytest.raises(Misfit, match="it is not valid JSON"):
        read(f"a=@{tmp_path}/bad.json")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(click.UsageError, match="not UTF-8 text"):
        parse_params([f"a=@{tmp_path}/blob"])


def test_a_mistyped_command_gets_a_suggestion() -> None:
    done = CliRunner().invoke(main, ["stauts"])
    assert done.exit_code == 2
    assert (
        "Unknown command 'stauts'. Did you mean 'status'? Available: 'run', 'dev'," in done.output
    )


@pytest.mark.parametrize("broken", [False, True])
def test_an_app_cannot_change_the_working_directory_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    """``flowkit run app.py`` told its worker to load ``app.py`` from there, where it is not."""
    name = f"moving_app_{broken}".lower()
    last = "raise RuntimeError" if broken else "dag = DAG('moving')"
    lines = ["import os", "from flowkit import DAG", "os.chdir('/')", last]
    (tmp_path / f"{name}.py").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(AppError) if broken else nullcontext():
        load_app_quietly(f"{name}.py")
    assert Path.cwd() == tmp_path
    sys.modules.pop(name, None)
