"""The list of runs in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from nasty import NASTY

from flowkit import DAG, Client, task
from flowkit.basics.display_text import escape_text

pytestmark = pytest.mark.slow

MARKUP = {
    "script": "<script>window.pwned = 1</script>",
    "image": "<img src=x onerror='window.pwned = 1'>",
    "svg": "<svg onload='window.pwned = 1'>",
    "attribute": '" onmouseover="window.pwned = 1" x="',
    "link": "javascript:window.pwned=1",
    "template": "{{ 7 * 7 }}${7 * 7}",
    "end of script": "</script><script>window.pwned = 1</script>",
    "frame": "<iframe srcdoc='<script>parent.pwned = 1</script>'></iframe>",
}


@task
def one() -> int:
    return 1


def submit(system: Client, name: str) -> str:
    dag = DAG(name)
    dag.add(one)
    return system.submit(dag).run_id


def test_without_a_run_the_page_says_what_to_do(page: Any) -> None:
    page.get_by_text("There are no runs yet").wait_for()
    assert page.get_by_text("flowkit submit FILE.py").is_visible()


def test_the_token_leaves_the_address(page: Any) -> None:
    assert "token" not in page.url
    assert page.evaluate("document.cookie") == ""


def test_a_run_appears_while_the_page_is_open(page: Any, system: Client) -> None:
    page.get_by_text("There are no runs yet").wait_for()
    run = submit(system, "etl")
    page.get_by_text(run).wait_for()
    assert page.locator("tbody tr").count() == 1
    system.run(run).cancel()
    page.locator("td").get_by_text("stopping").wait_for()  # there is no scheduler
    page.get_by_role("button", name="running 1").wait_for()  # the counts follow


def test_times_go_forward(page: Any, system: Client) -> None:
    submit(system, "etl")
    for _ in range(3):  # what a run that is not over has taken so far
        shown = page.locator("tbody td.number time").inner_text()
        page.locator("tbody td.number time").filter(has_not_text=shown).wait_for()


def test_a_filter_is_in_the_address_and_back_works(page: Any, system: Client) -> None:
    submit(system, "etl")
    submit(system, "report")
    page.locator("tbody tr").nth(1).wait_for()
    page.keyboard.press("/")
    page.keyboard.type("report")
    page.keyboard.press("Enter")
    page.locator("tbody tr").nth(1).wait_for(state="detached")
    assert re.search(r"\?q=report$", page.url)
    page.go_back()
    page.locator("tbody tr").nth(1).wait_for()


def test_keys_alone_suffice(page: Any, system: Client) -> None:
    submit(system, "etl")
    submit(system, "report")
    page.locator("tbody tr").nth(1).wait_for()
    rows = [page.evaluate("document.activeElement.rowIndex") for _ in move(page, "j", "j", "k")]
    assert rows == [1, 2, 1]
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")


def move(page: Any, *keys: str) -> Any:
    for key in keys:
        page.keyboard.press(key)
        yield key


def as_shown(text: str) -> str:
    """Return a text of several lines with its hidden characters as their escapes."""
    return "".join(char if char in "\n\t" else escape_text(char) for char in text)


def test_names_are_text(page: Any, system: Client) -> None:
    names = {*MARKUP.values(), *NASTY.values()}
    for name in list(names):
        try:
            submit(system, name)
        except ValueError:
            names.discard(name)  # no DAG may have it
    assert names >= set(MARKUP.values())
    page.locator("tbody tr").nth(len(names) - 1).wait_for()
    cells = page.evaluate(
        "[...document.querySelectorAll('tbody td:nth-child(2)')].map((cell) => cell.textContent)"
    )
    assert set(cells) == set(map(as_shown, names))
    assert page.evaluate("window.pwned") is None
    assert page.locator("main script, main img, main iframe").count() == 0
