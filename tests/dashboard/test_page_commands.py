"""What a page makes of names that anybody may have chosen: addresses, commands, sentences."""

from __future__ import annotations

import shlex
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from javascript import Modules

NAMES = (
    ".",
    "..",
    "...",
    "a/b",
    "x/../y",
    "/a",
    "a/",
    "%2e",
    "a?b=c&d#e",
    "räksmörgås ✓",
    "a b",
    "-f",
)


@pytest.fixture(scope="module")
def modules() -> Modules:
    return Modules("task_paths.js", "router.js", "commands.js", "why_text.js")


def as_a_browser_reads(address: str) -> str:
    """Return the path of an address without the parts that a browser takes out of it."""
    path = urlsplit(address).path
    dots = {".", "..", "%2e", "%2e%2e", ".%2e", "%2e."}
    parts = [part for part in path.split("/") if part.lower() not in dots]
    assert "/".join(parts) == path, "a browser would change it"
    return path


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_task_with_any_name_opens(modules: Modules, name: str) -> None:
    address = modules.call("taskPath", "r1", name)
    found = modules.call("viewOf", as_a_browser_reads(address))
    assert found["view"] == "task"
    query = parse_qs(urlsplit(address).query)
    assert [found["names"].get("task"), *query.get("task", [])].count(name) == 1
    assert found["names"]["run"] == "r1"


@pytest.mark.parametrize("name", NAMES)
def test_the_api_is_asked_for_a_task_with_any_name(modules: Modules, name: str) -> None:
    path, query = modules.call("taskAt", "r1", name)
    as_a_browser_reads(path)
    prefix, _, last = path.partition("/tasks/")
    assert (prefix, query) == ("/runs/r1/task", {"task": name}) or unquote(last) == name


def test_a_command_has_each_name_as_one_word(modules: Modules) -> None:
    retry = shlex.split(modules.call("retryCommand", "r1", NAMES))
    assert retry == ["flowkit", "retry", "--", "r1", *NAMES]
    resume = shlex.split(modules.call("resumeCommand", "r1", NAMES[:2]))
    assert resume == ["flowkit", "resume", "r1", "--from-task", ".", "--from-task", ".."]
    assert modules.call("retryCommand", "r1") == "flowkit retry r1"


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("The run failed 3 s ago. It began 5 s ago.", "The run failed. It began 5 s ago."),
        ("The run succeeded 2 h 5 min ago, with x.", "The run succeeded, with x."),
        ("The run was cancelled 3 d 4 h ago by ann.", "The run was cancelled by ann."),
        ("Task 'a' failed 3 s ago.", "Task 'a' failed 3 s ago."),
    ],
)
def test_how_long_ago_a_run_ended_stands_beside_the_sentence(
    modules: Modules, sentence: str, shown: str
) -> None:
    assert modules.call("ended", {"sentence": sentence, "over": True}) == shown
    assert modules.call("ended", {"sentence": sentence, "over": False}) == sentence
