"""What ``-p`` makes of what users type."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flowkit.cli import main
from flowkit.cli.inputs import load_app_quietly, parse_params
from flowkit.exceptions import AppError


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("k=5", 5),
        ("k=1.5", 1.5),
        ("k=true", True),
        ("k=null", None),
        ('k="5"', "5"),
        ('k=[1, "a"]', [1, "a"]),
        ('k={"a": 1}', {"a": 1}),
        ("k=text", "text"),
        ("k=a=b", "a=b"),
        ("k=", ""),
        ("k=NaN", "NaN"),
        ("k=-Infinity", "-Infinity"),
        ("k=007", "007"),
        ("k=@@home", "@home"),
        ("k=[1,", "[1,"),
        ("k=2026-11-22", "2026-11-22"),
        ("größe=1", 1),
    ],
)
def test_a_value_is_json_if_it_is_json_and_text_otherwise(typed: str, value: object) -> None:
    parsed = parse_params([typed])
    assert list(parsed.values()) == [value]
    assert type(next(iter(parsed.values()))) is type(value)


def test_several_parameters() -> None:
    assert parse_params(["a=1", "b=x"]) == {"a": 1, "b": "x"}


def test_a_file_is_json_or_text(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"rows": [1, 2]}')
    (tmp_path / "note.txt").write_text("just words\n")
    (tmp_path / "number.txt").write_text("12\n")
    given = [f"a=@{tmp_path}/data.json", f"b=@{tmp_path}/note.txt", f"c=@{tmp_path}/number.txt"]
    assert parse_params(given) == {"a": {"rows": [1, 2]}, "b": "just words\n", "c": 12}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["nothing"], "'nothing': write KEY=VALUE"),
        (["n=" + "1" * 5000], "n: an integer of 5,000 digits is too long"),
        (["n=[1, " + "1" * 5000 + "]"], "n: an integer of 5,000 digits is too long"),
        (["=5"], "write KEY=VALUE"),
        (["a-b=5"], "write KEY=VALUE"),
        (["a=1", "a=2"], "'a' is given twice"),
        (["a=@/no/such/file"], "'/no/such/file' cannot be read"),
    ],
)
def test_a_mistake_is_reported(typed: list[str], said: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        parse_params(typed)
    assert said in caught.value.message


def test_a_json_file_must_hold_json(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{not json")
    with pytest.raises(click.UsageError, match=r"bad.json' is not valid JSON"):
        parse_params([f"a=@{tmp_path}/bad.json"])


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
