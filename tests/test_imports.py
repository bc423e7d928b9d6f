"""No module imports itself by way of others, also not in a function or for a type alone.

import-linter holds which rooms may import which (pyproject.toml). Within a room, and for imports
that a circle was dodged with, this looks at each module.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"flowkit": "flowkit", "scheduler": "flowkit.scheduler", "worker": "flowkit.worker"}
# Public paths. Inside, a name is imported from where it is defined.
FACES = {"flowkit", "flowkit.task", "flowkit.state"}
MAY_USE_FACES = {
    "flowkit",  # hands names on itself
    "flowkit.testing.plugin",  # lies outside of the package once it is installed
}


def modules() -> dict[str, Path]:
    """Return each module by its name as it is installed."""
    result = {}
    for folder, package in FOLDERS.items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            result[".".join((package, *parts)).removesuffix(".__init__")] = path
    return result


MODULES = modules()


def imports(name: str, path: Path) -> Iterator[str]:
    """Return the modules of flowkit that a module imports anywhere in its text."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                target = inner if inner in MODULES and source not in FACES else source
                if target in MODULES:
                    yield target


GRAPH = {name: set(imports(name, path)) - {name} for name, path in MODULES.items()}


# A room is what stands directly below the package; the daemons are rooms too. The package itself
# only hands names on.
ROOM_LEVELS = 12
MODULE_LEVELS = 20


def room_of(module: str) -> str:
    return module.split(".")[1]


def rooms() -> dict[str, set[str]]:
    """Return the rooms that each room imports."""
    result: dict[str, set[str]] = {}
    for name, targets in GRAPH.items():
        if name != "flowkit":
            inner = {room_of(target) for target in targets - {"flowkit"}}
            result.setdefault(room_of(name), set()).update(inner - {room_of(name)})
    return result


def levels(graph: Mapping[str, Set[str]]) -> dict[str, int]:
    """Return the level of each node: 1 if it imports nothing, else one above what it imports."""
    result: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        result[name] = 1 + max((result[target] for target in graph.get(name, ())), default=0)
    return result


def test_rooms_are_on_few_levels_and_in_no_circle() -> None:
    by_room = levels(rooms())
    assert max(by_room.values()) <= ROOM_LEVELS, by_room


def test_modules_are_on_few_levels() -> None:
    by_module = levels({name: targets - {"flowkit"} for name, targets in GRAPH.items()})
    highest = [name for name, level in by_module.items() if level > MODULE_LEVELS]
    assert not highest, "a reader climbs too far"


def test_levels_are_counted() -> None:
    assert levels({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": 3, "b": 2, "c": 1}


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail("a circle of imports: " + " <- ".join(error.args[1]))


def test_a_circle_of_two_would_be_found() -> None:
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def test_names_are_imported_from_where_they_are_defined() -> None:
    users = {name: GRAPH[name] & FACES for name in set(MODULES) - MAY_USE_FACES}
    assert {name: faces for name, faces in users.items() if faces} == {}


@pytest.mark.parametrize("folder", ["scheduler", "worker"])
def test_daemons_name_the_library_by_its_full_path(folder: str) -> None:
    """A relative import out of the folder can be followed only where flowkit is installed."""
    for path in (ROOT / folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level < 2, f"{path.name}:{node.lineno}"
