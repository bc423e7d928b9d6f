"""The commands of the README, one after the other as they stand there, on one system.

Each block works alone (test_blocks.py). A reader who follows the page has the workers of the blocks
above as well, which must not spoil the next one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import README, ROOT, blocks
from real_redis import RealRedis
from real_system import System

BIN = Path(sys.executable).parent
URL = "redis://localhost:6379"
(TERMINALS,) = (
    block.text for block in blocks(README, "sh") if "# in the third terminal" in block.text
)
(SUMS,) = (block.text for block in blocks(README, "python") if block.note == "file: sums.py")
(SNIPPET,) = (block.text for block in blocks(README, "python") if block.note == "needs: redis")


@pytest.fixture
def reader(redis_server: RealRedis, namespace: str, tmp_path: Path) -> Iterator[System]:
    """A reader in the clone, without anything running."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    system = System(redis_server.url, namespace, tmp_path)
    yield system
    system.close()


def commands(url: str) -> list[list[str]]:
    """Return the words of the three terminals' commands, for a Redis elsewhere."""
    lines = [line for line in TERMINALS.splitlines() if not line.startswith("#")]
    return [line.replace(URL, url).split() for line in lines]


def started(system: System, words: list[str]) -> None:
    """Start a command of the README as a program of the system."""
    assert words[0].startswith(".venv/bin/")
    program = BIN / Path(words[0]).name
    assert program.exists()
    system.run_program(program.name, [str(program), *words[1:]])


@pytest.mark.slow
def test_the_page_on_redis_works_from_top_to_bottom(reader: System) -> None:
    scheduler, worker, submit = commands(reader.url)
    started(reader, scheduler)
    started(reader, worker)
    started(reader, submit)
    assert reader.processes[-1].exit_code(90) == 0, reader.logs()

    (reader.folder / "sums.py").write_text(SUMS)
    started(reader, [".venv/bin/flowkit-worker", "--app", "sums.py"])
    (reader.folder / "snippet.py").write_text(SNIPPET)
    environ = {**os.environ, "FLOWKIT_REDIS_URL": reader.url, "FLOWKIT_NAMESPACE": reader.namespace}
    done = subprocess.run(
        [sys.executable, "snippet.py"],
        cwd=reader.folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr + reader.logs()
    wanted = [line.partition("# prints ")[2] for line in SNIPPET.splitlines() if "# prints" in line]
    printed = done.stdout.splitlines()
    assert [line for line in printed if line in wanted] == wanted
