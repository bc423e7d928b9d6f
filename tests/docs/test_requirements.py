"""The versions in requirements/: the floors are those of pyproject.toml, the lock is whole."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from pages import ROOT

FOLDER = ROOT / "requirements"
_PINNED = re.compile(r"^([\w.-]+)==([^\s;]+)(?: ; [^\\]+)? \\$")


def dependencies() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["dashboard"]]
    result = [Requirement(text) for text in needed]
    return {canonicalize_name(item.name): item for item in result}


def floors() -> dict[str, str]:
    text = (FOLDER / "lowest.txt").read_text()
    return dict(line.split("==") for line in text.splitlines() if not line.startswith("#"))


def locked(name: str) -> dict[str, Version]:
    """Return package → version; each must have at least one hash."""
    result: dict[str, Version] = {}
    lines = (FOLDER / name).read_text().splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line and not line.startswith(" "):
            match = _PINNED.match(line)
            assert match is not None, line
            assert re.match(r"    --hash=sha256:[0-9a-f]{64}", following), line
            result[canonicalize_name(match[1])] = Version(match[2])
    return result


def test_the_lowest_versions_are_the_floors_of_the_project() -> None:
    wanted = {
        name: next(item.version for item in needed.specifier if item.operator == ">=")
        for name, needed in dependencies().items()
    }
    assert {name: Version(version) for name, version in floors().items()} == {
        name: Version(version) for name, version in wanted.items()
    }


def test_the_image_locks_each_dependency_to_a_version_that_is_allowed() -> None:
    lock = locked("image.txt")
    for name, needed in dependencies().items():
        assert lock[name] in needed.specifier, name
    # What those need in turn.
    assert {"hiredis", "lupa", "sortedcontainers", "markdown-it-py", "pygments"} <= set(lock)


def test_the_build_of_the_image_is_locked_too() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    lock = locked("build.txt")
    for text in build:
        assert lock[canonicalize_name(Requirement(text).name)] in Requirement(text).specifier


def test_the_image_installs_nothing_without_a_hash() -> None:
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    commands = re.findall(r"pip (?:install|download|wheel) [^&\n]*", re.sub(r"#.*", "", text))
    assert commands
    for command in commands:
        # flowkit itself is built from the tree, and brings nothing along.
        assert "--require-hashes" in command or "--no-deps" in command, command


# -- advisories -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def advisories() -> ModuleType:
    spec = importlib.util.spec_from_file_location("advisories", ROOT / ".ci" / "advisories.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SKIPPED = {"name": "redis", "skip_reason": "Dependency not found on PyPI"}
SOUND = {"name": "rich", "version": "15.0.0", "vulns": []}
WEAK = {
    "name": "redis",
    "version": "4.5.3",
    "vulns": [{"id": "PYSEC-2023-45", "fix_versions": ["4.5.4"]}],
}


def test_a_finding_fails(advisories: ModuleType) -> None:
    lines, code = advisories.verdict({"dependencies": [SOUND, WEAK, SKIPPED]})
    assert code == 1
    assert lines == [
        "redis 4.5.3: PYSEC-2023-45, fixed in 4.5.4",
        "2 of 3 packages checked, 1 findings",
    ]


def test_a_package_that_was_not_checked_is_not_reported_as_clean(
    advisories: ModuleType,
) -> None:
    """Seen: pip-audit said "No known vulnerabilities found" when the index had no data at all."""
    no_data = (["no advisory data here; nothing was checked"], 0)
    assert advisories.verdict(None) == no_data
    assert advisories.verdict({"dependencies": [SKIPPED]}) == no_data
    lines, code = advisories.verdict({"dependencies": [SOUND, SKIPPED]})
    assert (lines, code) == (["1 of 2 packages checked, 0 findings"], 0)
