"""Runs a benchmark command as its users do, at sizes that take no time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_module(
    module: str, sizes: Mapping[str, int], *options: str
) -> subprocess.CompletedProcess[str]:
    words = [word for name, size in sizes.items() for word in ("--size", f"{name}={size}")]
    return subprocess.run(
        [sys.executable, "-m", module, *words, *options],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "FLOWKIT" not in name},
        capture_output=True,
        text=True,
        timeout=110,
    )
