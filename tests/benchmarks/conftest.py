"""What the tests of the benchmark commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from running import ROOT

from flowkit import Task


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Import a module of the package, from the root of the source tree."""
    monkeypatch.syspath_prepend(str(ROOT))
    registered = list(Task._all_tasks)
    yield lambda name: import_module(f"benchmarks.{name}")
    Task._all_tasks[:] = registered


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let pip find nothing."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
