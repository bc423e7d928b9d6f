"""The libraries that flowkit is measured beside, in a virtual environment of their own.

Their versions are pinned, so that two measurements are of the same thing. Nothing is ever installed
into the environment that this runs in.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from .system import BrokenSystemError

# This release of Prefect permits FastAPI releases that its server does not start with.
PINS = ("dask==2026.8.0", "prefect==3.8.8", "fastapi==0.139.0")
COMPLETE = "complete"  # a file that is there once pip has finished


def versions() -> dict[str, str]:
    """Return library → version, of those that are measured."""
    return {name: version for name, _, version in (pin.partition("==") for pin in PINS[:2])}


def install(cache: Path) -> Path:
    """Return the Python of the environment in this folder; make it first if it is not there.

    An environment that was left half made is made anew. Raises BrokenSystemError if the packages
    cannot be had.
    """
    named = "-".join((*PINS, f"python=={platform.python_version()}")).replace("==", "")
    folder = cache / named
    python = folder / "bin" / "python"
    if not (folder / COMPLETE).exists():
        _succeed([sys.executable, "-m", "venv", "--clear", str(folder)], folder)
        _succeed([str(python), "-m", "pip", "install", "--quiet", *PINS], folder)
        (folder / COMPLETE).touch()
    return python


def _succeed(command: list[str], folder: Path) -> None:
    # Else a PYTHONPATH of the caller would hide packages that are missing here.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise BrokenSystemError(
            f"{', '.join(PINS)} could not be installed into {folder}. Without a network, measure "
            "flowkit alone: --with flowkit. Or give the folder of an earlier installation: "
            f"--cache FOLDER. What was said:\n{said}"
        )
