"""What users see through a type checker: the types promised, and the documentation's programs.

mypy sees a copy of the packages, laid out as they are installed: it does not follow what an
editable install hooks into the import system. Whatever an installed copy needs, ``py.typed`` above
all, is tried by that as well. Programs are checked strictly, so that they fit into strict code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pages import ROOT, Block
from test_blocks import PYTHON

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WRONG = (
    "from flowkit import task\n\n@task\ndef half(of: int) -> int:\n    return of / 2\n\nhalf('2')\n"
)


@dataclass(frozen=True, slots=True)
class Program:
    """A file to check, its lines where a reader finds them. ``home``: what it can import from."""

    home: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.home}:{self.name}"


def of_blocks(blocks: Iterable[Block]) -> list[Program]:
    """Return the programs that the blocks make; one that ``continues`` belongs to the one above."""
    made: list[Program] = []
    for block in blocks:
        kind, _, name = block.note.partition(": ")
        above = block.line + bool(block.note)  # the page's lines above the text
        if kind == "continues":
            begun = made.pop()
            text = begun.text + "\n" * (above - begun.text.count("\n")) + block.text
            made.append(replace(begun, text=text))
        else:
            own = name if kind == "file" else f"{block.page.stem}_{above}.py".replace("-", "_")
            made.append(Program(block.page.name, own, "\n" * above + block.text))
    return made


def of_file(path: str) -> Program:
    return Program(os.path.dirname(path), os.path.basename(path), (ROOT / path).read_text())


USE = of_file("tests/docs/typed_use.py")
WRONG_USE = Program("made up", "wrong_use.py", WRONG)
PROGRAMS = [
    *(of_file(f"examples/{path.name}") for path in sorted((ROOT / "examples").glob("*.py"))),
    of_file("docs/tutorial.py"),
    *of_blocks(PYTHON),
]


def install(site: Path) -> None:
    """Copy what setuptools would install, to where it would."""
    tools = PROJECT["tool"]["setuptools"]
    for package in tools["packages"]:
        known = max((name for name in tools["package-dir"] if is_below(package, name)), key=len)
        source = ROOT / (
            tools["package-dir"][known] + package.removeprefix(known).replace(".", "/")
        )
        target = site / package.replace(".", "/")
        target.mkdir(parents=True, exist_ok=True)
        for pattern in ("*.py", *tools["package-data"].get(package, ())):
            for file in source.glob(pattern):
                (target / file.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target / file.relative_to(source))


def is_below(package: str, name: str) -> bool:
    return f"{package}.".startswith(f"{name}.")


def folders(programs: Iterable[Program]) -> list[dict[str, Program]]:
    """Deal out {file name: program}; homes share a folder, as long as no two names are alike.

    mypy is started once for each folder, and modules of one name would be one module to it.
    """
    homes: dict[str, dict[str, Program]] = {}
    for program in programs:
        home = homes.setdefault(program.home, {})
        assert program.name not in home, f"{program} is there twice: give one another name"
        home[program.name] = program
    dealt: list[dict[str, Program]] = []
    for home in homes.values():
        fitting = next((folder for folder in dealt if not folder.keys() & home.keys()), None)
        if fitting is None:
            dealt.append(fitting := {})
        fitting.update(home)
    return dealt


def mypy(folder: Path, names: Iterable[str], site: Path) -> list[tuple[str, str]]:
    """Return (file name, "LINE: message") for each error."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MYPY")}
    options = ["--strict", "--config-file=", "--no-error-summary", "--hide-error-context"]
    options.append("--disable-error-code=import-untyped")  # pandas has its stubs apart
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, f"--cache-dir={site.parent / 'cache'}", *names],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stderr == ""
    errors = [re.match(r"([^:]+):(\d+: error: .*)", line) for line in done.stdout.splitlines()]
    result = [(error[1], error[2]) for error in errors if error is not None]
    assert done.returncode == bool(result), done.stdout
    return result


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What mypy has against each program."""
    place = tmp_path_factory.mktemp("types")
    install(place / "site")
    everything = [USE, WRONG_USE, *PROGRAMS]
    said: dict[str, list[str]] = {str(program): [] for program in everything}
    for number, programs in enumerate(folders(everything)):
        folder = place / str(number)
        folder.mkdir()
        for name, program in programs.items():
            (folder / name).write_text(program.text)
        for name, error in mypy(folder, programs, place / "site"):
            said[str(programs[name])].append(error)
    return said


@pytest.mark.slow
def test_the_types_are_those_promised(errors: dict[str, list[str]]) -> None:
    assert errors[str(USE)] == []


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_programs_of_the_documentation_are_well_typed(
    program: Program, errors: dict[str, list[str]]
) -> None:
    assert errors[str(program)] == []


def test_a_wrong_use_is_reported_at_its_line(errors: dict[str, list[str]]) -> None:
    returned, called = errors[str(WRONG_USE)]
    assert returned.startswith("5: error: Incompatible return value type")
    assert called.startswith("7: error: Argument 1")


def test_tests_and_lint_require_the_same_mypy() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    asked = [
        [item for item in extras[extra] if item.startswith("mypy")] for extra in ("test", "lint")
    ]
    assert asked[0] == asked[1] != []
