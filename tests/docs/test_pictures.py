"""The pictures show the example and the page as they are, and need nothing from outside."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import render_run
import render_screenshots
from pages import PAGES, README, ROOT
from starlette.routing import compile_path

from flowkit.dashboard.pages import VIEWS

HOWTO = ROOT / "docs" / "howto" / "dashboard.md"
PICTURES = (render_run.RUN, render_run.TERMINAL)


def pictures_of(page: Path) -> list[Path]:
    return [page.parent / name for name in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text())]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_shown_and_holds_nothing_but_drawing(picture: Path) -> None:
    shown = {path.resolve() for page in PAGES for path in pictures_of(page)}
    assert picture in shown
    text = picture.read_text()
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert re.findall(r"<script|<foreignObject|@import|@font-face|href|url\((?!#)", text) == []


def test_the_run_is_one_of_the_example_s_dag_with_tasks_in_several_states(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.delitem(sys.modules, "stdlib_report", raising=False)
    from stdlib_report import dag

    text = render_run.RUN.read_text()
    names = set(dag.picture().titles())
    assert "parse[]" in names
    assert set(re.findall(r'class="name"[^>]*>([^<]+)<', text)) == names
    assert f'aria-label="DAG stdlib_report, {len(names)} tasks"' in text
    for state in ("succeeded", "running", "pending"):
        assert f'class="node {state}' in text
    for state in ("succeeded", "running"):
        assert f'class="bar {state}' in text


def test_the_terminal_shows_the_command_and_its_progress() -> None:
    shown = "".join(ElementTree.fromstring(render_run.TERMINAL.read_text()).itertext())
    shown = shown.replace("\xa0", " ")
    assert f"$ flowkit run {render_run.APP}" in shown
    assert "Run " in shown
    assert re.search(r"stdlib_report.*2\d/\d\d", shown, re.DOTALL)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("bar 1\r\x1b[2Kbar 2", "bar 2"),
        ("\x1b[?25lbar 1\r\x1b[2Knote\r\nbar 2", "note\nbar 2"),
        ("one\r\ntwo\x1b[1A\x1b[2Kthree", "three\ntwo"),
        ("\x1b[32m10/21\x1b[0m", "\x1b[32m10/21\x1b[0m"),
    ],
)
def test_a_screen_holds_what_a_terminal_would_show(written: str, shown: str) -> None:
    assert render_run.screen(written) == shown


# -- the page -------------------------------------------------------------------------------------

MOST_BYTES, MOST_IN_ALL = 60_000, 1_000_000


def test_each_view_has_a_small_picture_in_each_look_and_all_are_shown() -> None:
    looks = [look.name for look in render_screenshots.LOOKS]
    wanted = {f"{name}-{look}.webp" for name in render_screenshots.VIEWS for look in looks}
    files = {path.name: path.stat().st_size for path in render_screenshots.FOLDER.glob("*.webp")}
    assert set(files) == wanted
    assert max(files.values()) <= MOST_BYTES
    assert sum(files.values()) <= MOST_IN_ALL
    shown = {path.name for path in pictures_of(HOWTO) if path.parent.name == "screenshots"}
    assert shown == wanted


def test_a_view_of_the_page_has_a_picture() -> None:
    """Each path of the dashboard is one of those that are looked at."""
    paths = [path.partition("?")[0] for path in render_screenshots.VIEWS.values()]
    for view in set(VIEWS) - {"/runs/{run}/task"}:  # of a task whose name no path can have
        assert any(compile_path(view)[0].match(path) for path in paths), view


def test_the_readme_shows_the_page() -> None:
    assert "(docs/screenshots/graph-light.webp)" in README.read_text()
