"""Another release of flowkit in its own folder, for daemons to be started from.

``from_history`` takes it out of git. ``next_release`` makes one up, since a suite must not depend
on history: this release's code, whose scripts have other digests and write more than this one
knows, as a later release may.
"""

from __future__ import annotations

import shutil
import subprocess
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("flowkit", "scheduler", "worker")
COMMITS_BACK = 8  # where there is no tag

# File of the protocol → what stands there, and what the release to come has instead.
CHANGES: dict[str, tuple[tuple[str, str], ...]] = {
    "lua/_lib/queue.lua": (
        ("records[i], 1, UNSPENT .. flags", "records[i], 1, UNSPENT .. flags .. '%'"),
        (
            "'Q' .. number .. ',,' .. spent .. ',,,' .. queued",
            "'Q' .. number .. ',,' .. spent .. ',,,' .. queued .. ',,,later'",
        ),
    ),
    "lua/submit.lua": (
        ("'total', ARGV[7],", "'colour', 'red', 'total', ARGV[7],"),
        (
            "return {'OK'}",
            "call('XADD', P .. 'events', '*', 'painted', run .. ' red')\nreturn {'OK'}",
        ),
    ),
    "lua/append_logs.lua": (
        (
            "'*', 't', about, 'd', ARGV[i + 3])",
            "'*', 't', about, 'd', ARGV[i + 3], 'colour', 'red')",
        ),
    ),
    "lua/_lib/history.lua": (
        (
            "  try(unpack(entry))",
            "  try(unpack(entry))\n  try('XADD', history_key(run), '*', 'painted', 'red')",
        ),
    ),
}


class NoHistoryError(Exception):
    """There is no such release to be had."""


def next_release(folder: Path) -> Path:
    """Write the release to come into ``folder``, and return that."""
    for part in PARTS:
        module = import_module(part if part == "flowkit" else f"flowkit.{part}")
        assert module.__file__ is not None
        _copy(Path(module.__file__).parent, folder, part)
    protocol = folder / "flowkit" / "protocol"
    for path in protocol.rglob("*.lua"):
        path.write_text(path.read_text() + "-- of another release\n")
    for name, changes in CHANGES.items():
        text = (protocol / name).read_text()
        for before, after in changes:
            assert text.count(before) == 1, f"{name} has no {before!r} any more"
            text = text.replace(before, after)
        (protocol / name).write_text(text)
    return folder


def from_history(folder: Path, revision: str) -> Path:
    """Take a revision out of git; "" for the newest tag, or some commits back. Raises
    NoHistoryError."""
    revision = revision or _git("describe", "--tags", "--abbrev=0", fails=True)
    revision = revision or f"HEAD~{COMMITS_BACK}"
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", fails=True)
    if not commit:
        raise NoHistoryError(
            f"{ROOT} has no git history that knows {revision!r}: run it in a clone, and name a "
            "revision that is there with --older"
        )
    tree = folder / "tree"
    tree.mkdir(parents=True)
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit, *PARTS], check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(tree)], input=packed.stdout, check=True)
    for part in PARTS:
        _copy(tree / part, folder, part)
    return folder


def _copy(source: Path, folder: Path, part: str) -> None:
    """Put a part where it is once installed: the daemons inside the package."""
    target = folder / part if part == "flowkit" else folder / "flowkit" / part
    ignored = shutil.ignore_patterns("__pycache__", *(PARTS if part == "flowkit" else ()))
    shutil.copytree(source, target, ignore=ignored)


def _git(*words: str, fails: bool = False) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 or not fails else ""
