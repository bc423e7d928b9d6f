"""The wheel has every package of the tree: an editable install would work without the list."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_pyproject_lists_every_package_of_the_tree() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    setuptools = pyproject["tool"]["setuptools"]
    moved = {folder: name for name, folder in setuptools["package-dir"].items()}
    found = set()
    for top in ("flowkit", "scheduler", "worker"):
        for module in (ROOT / top).rglob("*.py"):
            folder = module.parent.relative_to(ROOT).as_posix()
            if folder != "flowkit/testing/plugin":
                folder = folder.replace(top, moved[top], 1)
            found.add(moved.get(folder, folder).replace("/", "."))
    assert sorted(setuptools["packages"]) == sorted(found)
