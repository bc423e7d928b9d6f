"""Every code block of the documentation works: Python is run, command lines are parsed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from command_lines import check, commands
from pages import HOWTO, PAGES, README, Block, blocks
from real_redis import RealRedis

from flowkit.system import LocalSystem

PYTHON = [block for page in (README, *HOWTO) for block in blocks(page, "python")]
SHELL = [block for page in PAGES for block in blocks(page, "sh")]
DRAWN = ("sh", "python", "text", "mermaid")


def expected(block: Block) -> list[str]:
    return re.findall(r"# prints (.*)$", block.text, re.MULTILINE)


def run(block: Block, folder: Path, **environ: str) -> list[str]:
    """Run a block as a program; return what it printed."""
    kind, _, name = block.note.partition(": ")
    path = folder / (name if kind == "file" else "block.py")
    path.write_text(block.text)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("FLOWKIT_")}
    done = subprocess.run(
        [sys.executable, "-P", str(path)],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{block}: {done.stderr}"
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "block", [one for one in PYTHON if not one.note.startswith("needs")], ids=str
)
def test_python_blocks_print_what_they_say(block: Block, tmp_path: Path) -> None:
    assert [line for line in run(block, tmp_path) if line in expected(block)] == expected(block)
    assert expected(block)


def test_the_block_that_needs_a_system_works_on_one(
    redis_server: RealRedis, namespace: str, tmp_path: Path
) -> None:
    """The example's file is the app of the workers; the block imports its DAG and submits it."""
    first, *_ = PYTHON
    (block,) = [one for one in blocks(README, "python") if one.note == "needs: redis"]
    run(first, tmp_path)
    app = str(tmp_path / first.note.removeprefix("file: "))
    with LocalSystem(app, url=redis_server.url, namespace=namespace, processes=1):
        printed = run(
            block, tmp_path, FLOWKIT_REDIS_URL=redis_server.url, FLOWKIT_NAMESPACE=namespace
        )
    assert printed == expected(block)


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_shell_blocks_can_be_carried_out(block: Block) -> None:
    found = list(commands(block.text))
    assert found
    for words in found:
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
        "pytest tests/core -k no_such_story",
        "python no_such_file.py",
        "pip install '.[nonsense]'",
        "docker compose run --rm flowkit runn",
        "docker compose up --scale nobody=2",
        "no-such-program --help",
        ".ci/nothing",
    ],
)
def test_a_command_line_that_cannot_work_is_noticed(line: str) -> None:
    (words,) = commands(line)
    with pytest.raises((AssertionError, click.UsageError)):
        check(words)
