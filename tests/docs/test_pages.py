"""The documentation says what is so: tables, links and generated parts agree with the code."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from types import ModuleType

import pytest
import render_commands
from command_lines import matching_tests
from pages import PAGES, README, REFERENCE, ROOT, anchored_links, anchors, links, table

from flowkit import settings
from flowkit.core.states import TaskState
from flowkit.definition.options import KNOWN_OPTIONS, make_options
from flowkit.settings import Settings

REFRESH = ROOT / "docs" / "refresh.py"


@pytest.fixture(scope="module")
def refresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_refresh", REFRESH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_are_fresh() -> None:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path}  # the code of this tree, not an installed one
    command = [sys.executable, REFRESH, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_stale_part_is_detected_and_the_rest_stays(refresh: ModuleType) -> None:
    page = "before\n<!-- generated: exit_codes -->\nold\n<!-- end -->\nafter <!-- end -->\n"
    fresh = refresh.refreshed(page)
    assert "old" not in fresh
    assert "| 0 | Success. |" in fresh
    assert fresh.startswith("before\n<!-- generated: exit_codes -->\n| Code |")
    assert fresh.endswith("<!-- end -->\nafter <!-- end -->\n")


def test_every_generated_part_stands_in_a_page(refresh: ModuleType) -> None:
    text = "".join(page.read_text() for page in refresh.PAGES)
    assert set(re.findall(r"<!-- generated: (\w+) -->", text)) == set(refresh.PARTS)


def test_a_header_that_spans_lines_is_read_whole(refresh: ModuleType) -> None:
    text = (
        "-- pop: takes one.\n-- KEYS   1 a\n-- REPLY  OK |\n--        GONE\n-- KEEPS  all.\n\ncode"
    )
    assert refresh.header(text) == {
        "NAME": "pop",
        "WHAT": "takes one",
        "KEYS": "1 a",
        "REPLY": "OK | GONE",
        "KEEPS": "all",
    }


def test_links_lead_to_files() -> None:
    dead = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in links(page)
        if not (page.parent / target).exists()
    ]
    assert dead == []


def test_links_into_a_page_lead_to_a_heading() -> None:
    dead = [
        f"{page.name}: {target}#{anchor}"
        for page in PAGES
        for target, anchor in anchored_links(page)
        if anchor not in anchors(page if not target else (page.parent / target).resolve())
    ]
    assert dead == []


def test_every_page_is_in_the_index_and_the_index_in_the_readme() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / target).resolve() for target in links(index)}
    pages = {page for page in PAGES if page.parent != ROOT and page != index}
    assert sorted(pages - listed) == []
    assert "docs/README.md" in links(README)


def test_the_option_table_has_every_option_and_its_default() -> None:
    options = make_options("any", {})
    defaults = {
        name: getattr(options.policy, name, getattr(options, name, None))
        for name in KNOWN_OPTIONS
        if name != "retry_on"
    }
    shown = {
        row[0].strip("`"): row[1].strip("`")
        for row in table(REFERENCE / "task-options.md", "Option")
    }
    assert shown.pop("retry_on") == options.retry_on[0].__name__
    defaults["trigger"] = options.policy.trigger.value
    assert shown == {name: repr(value).replace("'", '"') for name, value in defaults.items()}


def test_the_settings_table_has_every_setting_and_its_default() -> None:
    rows = table(REFERENCE / "settings.md", "Variable")
    known = {name: option.variable for name, option in settings._OPTIONS.items()}
    shown = {row[1].strip("`").replace("-", "_"): row[0].strip("`") for row in rows}
    assert shown == known
    for _, key, default, _ in rows:
        name, text = key.strip("`").replace("-", "_"), default.strip("`")
        given = {} if text == "none" else {name: text}
        assert getattr(Settings(**given), name) == getattr(Settings(), name), name


def test_every_failure_of_the_reference_names_a_test() -> None:
    rows = table(REFERENCE / "failures.md", "When")
    assert len(rows) >= 10
    lost = [
        row[2]
        for row in rows
        if not matching_tests(shlex.split("tests/integration/" + row[2].strip("`")))
    ]
    assert lost == []


def test_the_table_of_states_has_every_state() -> None:
    shown = [row[0].strip("`") for row in table(REFERENCE / "life-cycle.md", "State")]
    assert shown == [state.value for state in TaskState]


def test_the_page_of_commands_has_every_command_and_flag() -> None:
    page = (REFERENCE / "commands.md").read_text()
    headings = re.findall(r"^### (.+)$", page, re.MULTILINE)
    assert headings == [name for name, _ in render_commands.all_commands()]
    assert {"flowkit run", "flowkit dead retry", "flowkit-worker"} <= set(headings)
    said = page.replace("\\|", "|")
    for name, command in render_commands.all_commands():
        section = said.split(f"### {name}\n")[1].split("\n### ")[0]
        for flag, _ in render_commands.flags_of(command):
            assert f"`{flag}`" in section or f"`{flag.split()[0]}`" in section, (name, flag)


def test_the_paths_in_the_page_for_contributors_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = [path for path in re.findall(r"`([\w./-]+/[\w./-]*)`", text) if "NAME" not in path]
    assert len(paths) >= 15
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_changelog_names_the_version_or_is_unreleased() -> None:
    from flowkit import __version__

    newest = re.search(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] in ("Unreleased", __version__)
