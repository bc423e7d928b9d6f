"""What all views share, in a real browser: opening one after another, and copying."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

COUNT_STREAMS = """
window.streams = 0;
const { close } = EventSource.prototype;
EventSource = class extends EventSource {
  constructor(...given) { super(...given); streams += 1; }
  close() { if (this.readyState !== 2) streams -= 1; close.call(this); }
};
"""


def test_a_view_that_the_reader_has_left_ends(page: Any) -> None:
    page.add_init_script(COUNT_STREAMS)
    page.reload()
    page.get_by_role("heading", name="Runs").wait_for()
    page.evaluate(
        """for (const name of ["DAGs", "Queues", "Workers"])
             [...document.querySelectorAll("nav a")].find((a) => a.textContent === name).click()"""
    )
    page.get_by_role("heading", name="Workers").wait_for()
    page.get_by_text("flowkit-worker --app").first.wait_for()
    assert page.evaluate("streams") == 1


def test_an_id_is_copied_where_a_browser_has_no_clipboard(page: Any) -> None:
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy flowkit submit FILE.py").click()
    page.get_by_text("Copied flowkit submit FILE.py").wait_for()
    page.keyboard.press("/")
    page.keyboard.press("Control+v")
    assert page.locator("[data-search]").input_value() == "flowkit submit FILE.py"
