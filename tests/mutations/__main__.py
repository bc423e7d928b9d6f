"""``python -m tests.mutations [NAME…]``: are the guards tested?

The tree is copied to a temporary folder. There one guard after the other is taken away, and the
tests that its entry in ``mutations.toml`` names are run. A test that fails has KILLED the mutation;
if all pass, it SURVIVED, and that is a failure of this program: the guard is not tested, or not
needed. Before that the tests are run on the unchanged copy, where they must pass.

NAME picks mutations by a part of their names; without one all are tried. ``-v`` shows what
the tests of a mutation said.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .catalog import ROOT, Mutation, mutations

LEFT_OUT = shutil.ignore_patterns("__pycache__", ".git", ".hypothesis", ".*_cache", "*.egg-info")
# What is installed below flowkit/ or beside it, and where it lies in the tree.
PLACES = {
    "flowkit/scheduler": "../scheduler",
    "flowkit/worker": "../worker",
    "pytest_flowkit": "flowkit/testing/plugin",
}
LONGEST_S = 300.0
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - |$)", re.MULTILINE)


def main(words: Sequence[str]) -> int:
    """Try the mutations that ``words`` pick; return the exit code."""
    names = [word for word in words if word != "-v"]
    chosen = [
        mutation
        for mutation in mutations()
        if not names or any(name in mutation.name for name in names)
    ]
    if not chosen:
        print(f"no mutation is named like {', '.join(names)}")
        return 2
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        tree = copy_tree(Path(folder) / "tree")
        red = failing(tree, chosen)
        verdicts = [tried(tree, item, red, verbose="-v" in words) for item in chosen]
    lived = [
        item.name for item, verdict in zip(chosen, verdicts, strict=True) if verdict != "KILLED"
    ]
    print(f"{len(chosen) - len(lived)} of {len(chosen)} mutations were killed")
    if lived:
        print("not killed:", ", ".join(lived))
    return 1 if lived else 0


def copy_tree(tree: Path) -> Path:
    """Copy the project, so that the daemons are found where they are installed."""
    shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
    for place, target in PLACES.items():
        (tree / place).symlink_to(target)
    return tree


def tried(tree: Path, one: Mutation, red: Sequence[str], *, verbose: bool) -> str:
    """Apply one mutation, run its tests, take it back; say and return what came of it."""
    path, began = tree / one.file, time.monotonic()
    source = path.read_text()
    try:
        path.write_text(one.applied_to(source))
    except ValueError as error:
        print(f"NOT FOUND {error}", flush=True)
        return "NOT FOUND"
    try:
        left_out = [f"--deselect={test}" for test in red]
        code, output = run_tests(tree, one.tests, one.select, "-x", *left_out)
    finally:
        path.write_text(source)
    # 1 is "tests failed"; any other code is a selection or a program that is itself broken.
    verdict = {0: "SURVIVED", 1: "KILLED"}.get(code, "BROKEN")
    print(f"{verdict:9} {one.name} ({time.monotonic() - began:.0f} s)", flush=True)
    if verbose or verdict == "BROKEN":
        print(output)
    return verdict


def failing(tree: Path, chosen: Sequence[Mutation]) -> list[str]:
    """Return those of the mutations' tests that fail on the unchanged tree."""
    red: list[str] = []
    for select in sorted({item.select for item in chosen}):
        tests = sorted({test for item in chosen if item.select == select for test in item.tests})
        code, output = run_tests(tree, tests, select, "-rfE")
        if code not in (0, 1):
            sys.exit(f"{output}\nthe tests cannot be run on the unchanged tree")
        red += FAILED.findall(output)
    for test in red:
        print(f"FAILS     on the unchanged tree: {test}", flush=True)
    return red


def run_tests(tree: Path, tests: Sequence[str], select: str, *options: str) -> tuple[int, str]:
    """Run tests on the copy; return pytest's exit code (1 if they hang) and what it wrote."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", select]
    command += ["-p", "tests.mutations.no_shrinking"]
    # A stale .pyc of a source that was changed twice within a second would hide a mutation.
    environ = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, *options, *tests],
            cwd=tree,
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return 1, str(error.stdout)
    return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
