"""Reads the command lines of the documentation as the programs that they call would."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from urllib.parse import urlsplit

import click
from pages import ROOT
from starlette.routing import compile_path

from flowkit.cli import main as flowkit
from flowkit.dashboard.app import ENDPOINTS
from flowkit.dashboard.endpoint import ROOT as API
from flowkit.dashboard.pages import VIEWS
from flowkit.scheduler.__main__ import main as scheduler
from flowkit.worker.__main__ import main as worker

SERVICES = re.findall(r"^  (\w+):$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
COMPOSE_VERBS = {"up", "down", "run", "cp", "ps", "logs"}


def commands(text: str) -> Iterator[list[str]]:
    """Yield the commands of a shell block, without the variables set in front of them."""
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), "&&"]:
            if word == "&&":
                if words:
                    yield words
                words = []
            elif words or "=" not in word:
                words.append(word)


def check(words: Sequence[str]) -> None:
    """Fail, with any exception, unless this command line could be carried out in a clone."""
    program = os.path.basename(words[0])
    if words[0].startswith((".ci/", "./")):
        assert os.access(ROOT / words[0], os.X_OK), f"{words[0]} is no program of the tree"
        return
    assert program in CHECKS, f"nobody knows how to check {program!r}"
    CHECKS[program](list(words[1:]))


def parse(command: click.Command, words: list[str]) -> None:
    """Parse as click does before it runs a command; raise its UsageError for what is wrong."""
    if isinstance(command, click.Group) and not words[0].startswith("-"):
        with click.Context(command) as context:
            inner = command.get_command(context, words[0])
        if inner is None:
            raise click.UsageError(f"there is no command {words[0]!r}")
        command, words = inner, words[1:]
    # A command keeps the help option of the context that it is first used in.
    with command.make_context(command.name or "", words, help_option_names=["-h", "--help"]):
        pass


def matching_tests(words: Sequence[str]) -> list[str]:
    """Return the tests that ``pytest WORDS`` would select; a path that is missing fails."""
    if len(words) == 1 and "::" in words[0]:
        path, _, name = words[0].partition("::")
        if name.startswith("Test"):
            return re.findall(rf"^class ({name})\b", (ROOT / path).read_text(), re.MULTILINE)
        return [test for test in matching_tests([path]) if test.split()[1] == name]
    if list(words[:1]) == ["-m"]:
        marked = f"pytest.mark.{words[1]}"
        return [str(file) for file in ROOT.glob("tests/**/test_*.py") if marked in file.read_text()]
    at = list(words).index("-k") if "-k" in words else len(words)
    wanted = words[at + 1] if at < len(words) else ""
    paths = [ROOT / word for word in words[:at]] or [ROOT / "tests"]
    files = [
        file for path in paths for file in (path.rglob("test_*.py") if path.is_dir() else [path])
    ]
    names = [
        f"{file.name} {name}"
        for file in files
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    ]
    return [name for name in names if wanted in name]


def _pytest(words: list[str]) -> None:
    assert matching_tests(words), f"pytest {shlex.join(words)} selects no test"


def _python(words: list[str]) -> None:
    if words[0] == "-m":
        ours = ROOT / words[1].replace(".", "/")
        assert ours.is_dir() or ours.with_suffix(".py").is_file() or find_spec(words[1]), words[1]
    else:
        assert (ROOT / words[0]).is_file(), words[0]


def _pip(words: list[str]) -> None:
    assert words[0] in ("install", "wheel")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extras in re.findall(r"\.\[([\w,]+)\]", " ".join(words)):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])


def _docker(words: list[str]) -> None:
    assert words[0] == "compose"
    assert words[1] in COMPOSE_VERBS
    for scaled in re.findall(r"--scale (\w+)=\d", " ".join(words)):
        assert scaled in SERVICES
    if words[1] == "run":
        rest = words[2:]
        assert rest.pop(0) == "--rm"
        assert rest.pop(0) == "flowkit"
        parse(flowkit, rest)


def _curl(words: list[str]) -> None:
    """The last word must be the address of a view, or of an endpoint of the API."""
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    path = urlsplit(words[-1]).path
    known = [API + endpoint.path for endpoint in ENDPOINTS if endpoint.method == method]
    known += [API + "/session", API + "/openapi.json", *VIEWS] if method == "GET" else []
    assert any(compile_path(route)[0].match(path) for route in known), f"nothing is at {path}"


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "flowkit": lambda words: parse(flowkit, words),
    "flowkit-scheduler": lambda words: parse(scheduler, words),
    "flowkit-worker": lambda words: parse(worker, words),
    "pytest": _pytest,
    "python": _python,
    "python3": _python,
    "pip": _pip,
    "coverage": lambda words: None,  # a tool of the developers', not of the tests
    "docker": _docker,
    "touch": lambda words: None,
    "chmod": lambda words: None,
    "echo": lambda words: None,
    "openssl": lambda words: None,
    "ssh": lambda words: None,
    "curl": _curl,
    "redis-server": lambda words: None,  # its own options, checked by the tests that start one
}
