"""Another account of this machine, played by the tests: ``nobody``, which only root can become."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can play another account")


def give_away(path: Path) -> Path:
    """Make a file, a folder or a link one of the other account."""
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return path


@contextmanager
def folder_in_reach(mode: int) -> Iterator[Path]:
    """A folder that the other account can get to (those of pytest are private)."""
    folder = Path(tempfile.mkdtemp(prefix="flowkit-test-"))
    try:
        folder.chmod(mode)
        yield folder
    finally:
        shutil.rmtree(folder)


def start_as_stranger(code: str, *words: object) -> subprocess.Popen[str]:
    """Start Python with this code, without flowkit, as the other account."""
    return subprocess.Popen(
        ["/usr/bin/env", "python3", "-I", "-c", code, *map(str, words)],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
