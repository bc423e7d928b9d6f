"""Every code block of the documentation works: Python is run, command lines are parsed.

The comment right above a Python block says what it needs; readers do not see it:

- ``file: NAME.py``: it is that file, which the other blocks of the page can import; one of a name
  that begins with ``test_`` is given to pytest, and prints nothing;
- ``continues``: it continues where the block before it ended;
- ``needs: redis``: it runs on a system whose workers have the last file above it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from command_lines import check, commands
from pages import GENERATED, PAGES, Block, blocks
from real_redis import RealRedis

from flowkit.settings import load_settings
from flowkit.system import LocalSystem

# The tutorial is run as a whole (test_tutorial.py), and the reference shows signatures.
WRITTEN = [page for page in PAGES if page not in GENERATED]
PYTHON = [block for page in WRITTEN for block in blocks(page, "python")]
ON_REDIS = [block for block in PYTHON if block.note == "needs: redis"]
FOR_PYTEST = [block for block in PYTHON if block.note.startswith("file: test_")]
PROGRAMS = [block for block in PYTHON if block not in ON_REDIS + FOR_PYTEST]
# Those of the other pages are slow: each starts Python, or a whole system.
IN_EACH_RUN = {"README.md", "map.md", "sub-flows.md", "retries.md", "conditions.md"}
SHELL = [block for page in PAGES for block in blocks(page, "sh")]
TOML = [block for page in PAGES for block in blocks(page, "toml")]
DRAWN = ("sh", "python", "text", "mermaid", "toml", "ini")


def slow_but_of_some_pages(chosen: list[Block]) -> list[Any]:
    return [
        pytest.param(
            block, id=str(block), marks=() if block.page.name in IN_EACH_RUN else pytest.mark.slow
        )
        for block in chosen
    ]


def expected(text: str) -> list[str]:
    return re.findall(r"# prints (.*)$", text, re.MULTILINE)


def files_above(block: Block) -> dict[str, str]:
    """Return name → text of the files that the page has shown up to this block."""
    return {
        item.note.removeprefix("file: "): item.text
        for item in blocks(block.page, "python")
        if item.note.startswith("file: ") and item.line <= block.line
    }


def program(block: Block) -> str:
    """Return the text of a block, with all that it continues in front."""
    if block.note != "continues":
        return block.text
    before = [item for item in blocks(block.page, "python") if item.line < block.line]
    return program(before[-1]) + block.text


def run(block: Block, folder: Path, *words: str, **environ: str) -> list[str]:
    """Run a block as a program, or give it to the program ``words``; return what it printed."""
    for name, text in files_above(block).items():
        (folder / name).write_text(text)
    kind, _, name = block.note.partition(": ")
    path = folder / (name if kind == "file" else "block.py")
    path.write_text(program(block))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("FLOWKIT_")}
    done = subprocess.run(
        [sys.executable, "-P", *words, str(path)],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"
    return done.stdout.splitlines()


def check_printed(block: Block, printed: list[str]) -> None:
    wanted = expected(program(block))
    assert [line for line in printed if line in wanted] == wanted, printed
    assert expected(block.text)


@pytest.mark.parametrize("block", slow_but_of_some_pages(PROGRAMS))
def test_python_blocks_print_what_they_say(block: Block, tmp_path: Path) -> None:
    check_printed(block, run(block, tmp_path))


@pytest.mark.parametrize("block", slow_but_of_some_pages(ON_REDIS))
def test_blocks_that_need_a_system_work_on_one(
    block: Block, redis_server: RealRedis, namespace: str, tmp_path: Path
) -> None:
    """The file above the block is the app of the workers; the block imports its DAG."""
    app = list(files_above(block))[-1]
    (tmp_path / app).write_text(files_above(block)[app])
    where = {"FLOWKIT_REDIS_URL": redis_server.url, "FLOWKIT_NAMESPACE": namespace}
    with LocalSystem(str(tmp_path / app), url=redis_server.url, namespace=namespace, processes=1):
        check_printed(block, run(block, tmp_path, **where))


@pytest.mark.slow
@pytest.mark.parametrize("block", FOR_PYTEST, ids=str)
def test_tests_pass(block: Block, tmp_path: Path) -> None:
    printed = run(block, tmp_path, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error")
    count = len(re.findall(r"^def test_", block.text, re.MULTILINE))
    assert f" {count} passed" in printed[-1]


@pytest.mark.parametrize("block", TOML, ids=str)
def test_settings_in_a_project_s_file_are_read(block: Block, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(block.text)
    settings = load_settings(cwd=tmp_path, environ={})
    given = tomllib.loads(block.text)["tool"]["flowkit"]
    assert given
    assert all("pyproject" in settings.source(key.replace("-", "_")) for key in given)


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_shell_blocks_can_be_carried_out(block: Block) -> None:
    result = list(commands(block.text))
    assert result
    for words in result:
        check(words)


def test_every_block_says_what_it_is() -> None:
    for page in PAGES:
        fences = page.read_text().count("\n```") / 2
        assert fences == sum(len(blocks(page, language)) for language in DRAWN), page.name


@pytest.mark.parametrize(
    "line",
    [
        "flowkit runn examples/etl.py",
        "flowkit run examples/etl.py --no-such-option",
        "flowkit-worker --processes 2",
        "pytest tests/core -k no_such_test",
        "pytest tests/core/test_graph.py::test_no_such_test",
        "python no_such_file.py",
        "pip install '.[nonsense]'",
        "docker compose run --rm flowkit runn",
        "docker compose up --scale nobody=2",
        "no-such-program --help",
        ".ci/nothing",
    ],
)
def test_an_invalid_command_line_is_detected(line: str) -> None:
    (words,) = commands(line)
    with pytest.raises((AssertionError, click.UsageError)):
        check(words)
