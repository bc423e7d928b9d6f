"""The libraries that flowkit is compared with, each in a separate virtual environment.

Their versions are pinned, so that measurements can be compared. Nothing is installed into the
environment of this process.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from pathlib import Path

from .daemons import BrokenSystemError

COMPLETE = "complete"  # a file that is created when pip has finished


def versions(pins: Sequence[str]) -> dict[str, str]:
    """Return library → version of some pins."""
    return {name: version for name, _, version in (pin.partition("==") for pin in pins)}


@contextmanager
def folder_for(cache: Path | None) -> Iterator[Path]:
    """Yield the folder of the environments; without one, a temporary folder."""
    with tempfile.TemporaryDirectory() if cache is None else nullcontext(cache) as folder:
        yield Path(folder).resolve()


def install(cache: Path, pins: Sequence[str]) -> Path:
    """Return the Python of the environment with these packages; create it if it is missing.

    An incomplete environment is created again. Raises BrokenSystemError if the packages cannot be
    installed.
    """
    whole = "\n".join((*pins, f"python=={platform.python_version()}"))
    first = pins[0].replace("==", "").replace("[", "-").replace("]", "-")
    folder = cache / f"{first}-{sha256(whole.encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / COMPLETE).exists():
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _succeed([sys.executable, "-m", "venv", "--clear", str(folder)], pins, folder)
        _succeed([*pip, *pins], pins, folder)
        (folder / COMPLETE).touch()
    return python


def _succeed(command: list[str], pins: Sequence[str], folder: Path) -> None:
    # Otherwise a PYTHONPATH of the caller would hide that packages are missing here.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise BrokenSystemError(
            f"{', '.join(pins)} could not be installed into {folder}. Without a network, measure "
            "flowkit alone: --with flowkit. Or give the folder of an earlier installation: "
            f"--cache FOLDER. What was said:\n{said}"
        )
