"""The file of an exported run, opened from disk in a browser without a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from large_systems import large_run
from nasty import NASTY, NASTY_NAMES
from whole_run import WholeRun

from flowkit import DAG, Client, task
from flowkit.embedded import EmbeddedServer
from flowkit.protocol.log_store import LogStore, NewChunk
from flowkit.settings import Settings

pytestmark = pytest.mark.slow
ENDS = [
    "</script><script>window.pwned = 1</script>",
    "<!--<script>",
    "<img src=x onerror='pwned = 1'>",
]
TEXTS = [*ENDS, *NASTY.values()]


@task
def texts(given: list[str]) -> dict[str, list[str]]:
    return {text: [text] for text in given}


@task
def lines(found: dict[str, list[str]]) -> list[str]:
    return list(found)


@task
def fail(item: str) -> str:
    if item in ENDS:
        raise ValueError(item)
    return item


@task
def nothing() -> None:
    return None


@pytest.fixture
def export(fake_server: EmbeddedServer, namespace: str, tmp_path: Path) -> Callable[[], str]:
    def write() -> str:
        with Client(Settings(redis_url=fake_server.url, namespace=namespace)) as client:
            return client.run("r1").export(tmp_path / "run.html").as_uri()

    return write


@pytest.fixture
def hostile(fake_server: EmbeddedServer, namespace: str) -> Iterator[WholeRun]:
    with DAG("nasty " + NASTY_NAMES["a script"], on_failure="continue") as dag:
        texts >> lines >> fail.map(label="{item}")
        for name in [*NASTY_NAMES.values(), *ENDS]:
            dag.add(nothing.bind(name))
    run = WholeRun(fake_server.url, namespace, dag, params={"given": TEXTS})
    assert run.finish() == "failed"
    store = LogStore(run.link, run.namespace, now_ms=lambda: 1_764_508_800_123)
    printed = [text.replace("\n", " ").encode("utf-8", "replace") for text in TEXTS]
    data = b"".join(b"1764508800123 20o " + text + b"\n" for text in printed)
    chunk = NewChunk(run.number("texts"), 1, 1, len(printed), data)
    assert all(store.append_logs("r1", "W.0", 1, [chunk], most_bytes=10**8) or [""])
    yield run
    run.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page without a network. It writes nothing to its console, and asks for its file alone."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, offline=True)
    opened, wrong = context.new_page(), list[str]()
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    files = re.compile(r"file://.*/run\.html")
    opened.on("request", lambda asked: files.fullmatch(asked.url) or wrong.append(asked.url))
    yield opened
    context.close()
    assert wrong == []


def open_tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def is_clean(page: Any) -> bool:
    """Return whether nothing of the texts has become an element, or has run."""
    found = page.locator("main img, main script, main iframe, main [onload], main [onerror]")
    return found.count() == 0 and page.evaluate("window.pwned") is None


def test_hostile_texts_are_text_in_each_tab(
    page: Any, hostile: WholeRun, export: Callable[[], str]
) -> None:
    page.goto(export())
    page.get_by_role("heading", name="failed").wait_for()
    page.get_by_text("It does not change.").wait_for()
    page.get_by_label("Items of fail").click()
    page.get_by_role("link", name="fail[0]", exact=True).wait_for()
    assert is_clean(page)
    open_tab(page, "Timeline")
    page.get_by_label("By task").check()
    page.locator("canvas").wait_for()
    open_tab(page, "Graph")
    page.get_by_text("The same as a list").click()
    page.get_by_role("button", name=re.compile("window.pwned")).wait_for()
    assert is_clean(page)
    open_tab(page, "Logs")
    page.locator(".line .text", has_text=ENDS[0]).wait_for()
    page.get_by_label("Search in the lines").fill("onerror=")
    page.locator(".line").nth(1).wait_for(state="detached")
    assert is_clean(page)
    open_tab(page, "History")
    page.get_by_label("Only trouble").check()
    page.get_by_role("group").first.wait_for()
    assert is_clean(page)
    assert "#/runs/r1?tab=history" in page.url


def test_a_task_has_its_attempts_values_and_lines(
    page: Any, hostile: WholeRun, export: Callable[[], str]
) -> None:
    page.goto(export())
    page.get_by_label("Items of fail").click()
    page.get_by_role("link", name="fail[0]", exact=True).click()
    page.get_by_role("heading", name="fail[0]").wait_for()
    page.get_by_text("ValueError: " + ENDS[0]).first.wait_for()
    page.get_by_text(re.compile("Traceback")).first.wait_for()
    assert is_clean(page)
    page.go_back()
    page.get_by_role("link", name="texts", exact=True).click()
    page.locator(".line .text", has_text=ENDS[0]).wait_for()
    page.locator(".value pre", has_text=ENDS[0]).first.wait_for(state="attached")
    assert page.get_by_role("link", name="Download").count() == 0
    assert is_clean(page)
    page.get_by_role("link", name="r1", exact=True).click()
    page.get_by_role("tab", name="Tasks").wait_for()
    assert page.get_by_role("link", name=hostile.dag.name).count() == 0  # it has no page of the DAG


def test_the_keys_and_the_way_to_the_content_work(
    page: Any, hostile: WholeRun, export: Callable[[], str]
) -> None:
    page.goto(export())
    page.get_by_role("tab", name="Tasks").wait_for()
    page.keyboard.press("?")
    page.get_by_role("button", name="Close").click()
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    page.locator("main:focus").wait_for()
    page.get_by_role("tab", name="Tasks").wait_for()
    assert page.get_by_role("button", name="Retry").count() == 0


def test_a_large_run_is_small_and_opens(
    page: Any,
    fake_server: EmbeddedServer,
    namespace: str,
    export: Callable[[], str],
    tmp_path: Path,
) -> None:
    assert large_run(fake_server.url, namespace).finish() == "succeeded"
    address = export()
    size = (tmp_path / "run.html").stat().st_size
    print(f"a recording of 10,000 tasks has {size:,} bytes")
    assert size < 5_000_000
    page.goto(address)
    page.locator("[data-row]").first.wait_for()
    for name in ("Timeline", "Graph", "History"):
        open_tab(page, name)
        page.locator("canvas, table.list").first.wait_for()


def test_a_run_that_was_not_over_stays_as_it_was(
    page: Any, fake_server: EmbeddedServer, namespace: str, export: Callable[[], str]
) -> None:
    with DAG("open") as dag:
        texts >> lines
    run = WholeRun(fake_server.url, namespace, dag, params={"given": ["a"]})
    run.schedule()
    page.goto(export())
    page.get_by_role("heading", name="running").wait_for()
    submitted = page.locator(".facts time").first
    assert re.search(r"\d:\d\d", submitted.inner_text())
    assert "Z" in (submitted.get_attribute("title") or "")
    took = page.locator("#outcome").inner_text()
    page.wait_for_timeout(2_500)  # the page would count on each second
    assert page.locator("#outcome").inner_text() == took
    run.close()
