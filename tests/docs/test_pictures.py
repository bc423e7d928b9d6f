"""The pictures of the README show a run of the example as it is, and need nothing from outside."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import render_run
from pages import README, ROOT

PICTURES = (render_run.RUN, render_run.TERMINAL)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_shown_and_holds_nothing_but_drawing(picture: Path) -> None:
    assert f"]({picture.relative_to(ROOT)})" in README.read_text()
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
