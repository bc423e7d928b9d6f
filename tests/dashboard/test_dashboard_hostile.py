"""Text from outside gets through the API unchanged, as JSON, and never into a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from nasty import NASTY, NASTY_NAMES
from starlette.testclient import TestClient
from whole_run import WholeRun

from flowkit import DAG, Task
from flowkit.basics.display_text import escape_text
from flowkit.dashboard.app import ENDPOINTS
from flowkit.dashboard.endpoint import ROOT
from flowkit.embedded import EmbeddedServer
from flowkit.protocol.log_store import LogStore, NewChunk

TEXTS = list(NASTY.values())
# Errors are stored as UTF-8, which has no half of a surrogate pair: it is replaced.
STORED = [text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for text in TEXTS]
NAME = "nasty " + " ".join(NASTY_NAMES.values())[:150]


def texts(given: list[str]) -> list[str]:
    return given


def echo(item: str) -> dict[str, list[str]]:
    return {item: [item]}


def fail(item: str) -> None:
    raise ValueError(item)


def nothing() -> None:
    pass


@pytest.fixture(scope="module")
def texts_of_lines() -> list[str]:
    return [text for text in TEXTS if text.isprintable() or "\n" in text or "\x1b" in text]


@pytest.fixture
def whole(
    fake_server: EmbeddedServer, namespace: str, texts_of_lines: list[str]
) -> Iterator[WholeRun]:
    with DAG(NAME, on_failure="continue") as dag:
        start = Task(texts)
        start >> Task(echo).map(label="{item}")
        start >> Task(fail).map()
        for name in NASTY_NAMES.values():
            dag.add(Task(nothing, name=name))
    run = WholeRun(fake_server.url, namespace, dag, params={"given": TEXTS})
    assert run.finish() == "failed"
    store = LogStore(run.link, run.namespace, now_ms=lambda: 1_764_508_800_123)
    lines = [f"1764508800123 20o {text}\n".encode() for text in texts_of_lines]
    lines = [line[:-1].replace(b"\n", b"\xff") + b"\n" for line in lines]
    chunk = NewChunk(run.number("texts"), 1, 1, len(lines), b"".join(lines))
    ids = store.append_logs("r1", "W.0", 1, [chunk], most_bytes=10**8)
    assert ids
    assert all(ids)
    yield run
    run.close()


def strings(value: Any) -> Iterator[str]:
    """Yield all texts in JSON values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def asked(browser: TestClient, path: str) -> Any:
    answer = browser.get(ROOT + path)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content.isascii()
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content)


def _forms(text: str) -> set[str]:
    """Return a text as it is, escaped as for a terminal, and both in one line, as sentences are."""
    return {form for own in (text, escape_text(text)) for form in (own, " ".join(own.split()))}


def lacking(document: Any, wanted: list[str]) -> list[str]:
    """Return the texts that a document has neither as they are, nor escaped as for a terminal."""
    found = list(strings(document))
    return [
        text
        for text in wanted
        if not any(form in shown for shown in found for form in _forms(text))
    ]


def test_every_text_gets_through(
    browser: TestClient, whole: WholeRun, texts_of_lines: list[str]
) -> None:
    run = "/runs/r1"
    assert lacking(asked(browser, run), [NAME]) == []
    names = list(NASTY_NAMES.values())
    assert lacking(asked(browser, run + "/columns"), names) == []
    assert lacking(asked(browser, run + "/history?limit=1000"), [*names, *STORED]) == []
    assert lacking(asked(browser, run + "/items?task=fail"), STORED) == []
    labels = [item["label"] for item in asked(browser, run + "/items?task=echo")["items"]]
    assert lacking(labels, TEXTS) == []
    lines = [line["text"] for line in asked(browser, run + "/logs")["items"]]
    assert lines == texts_of_lines
    for at, text in enumerate(TEXTS):
        shown = asked(browser, f"{run}/result?task=echo[{at}]")["result"]["value"]
        assert shown == {text: [text]}
        assert asked(browser, f"{run}/result?task=echo[{at}]&download=true")
        failed = asked(browser, f"{run}/tasks/fail[{at}]")
        assert lacking(failed["attempts"][0]["error"], [STORED[at]]) == []
        assert lacking(failed["attempts"][0]["traceback"], [STORED[at]]) == []
        assert failed["params"]["value"] == {"given": TEXTS}
        assert lacking(asked(browser, f"{run}/why?task=fail[{at}]"), [STORED[at]]) == []


@pytest.mark.parametrize("what", NASTY_NAMES)
def test_a_task_of_any_name_has_its_page(browser: TestClient, whole: WholeRun, what: str) -> None:
    name = NASTY_NAMES[what]
    path = f"/runs/r1/tasks/{quote(name, safe='')}"
    assert asked(browser, path)["task"]["name"] == name
    assert asked(browser, f"/runs/r1/why?task={quote(name, safe='')}")["task"] == name
    assert asked(browser, f"/runs/r1/history?task={quote(name, safe='')}")["items"]
    page = browser.get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert page.text == browser.get("/runs/r1/tasks/x").text, "the shell has nothing of its name"


def test_refusals_are_json_too(browser: TestClient, whole: WholeRun) -> None:
    paths = [endpoint.path for endpoint in ENDPOINTS if endpoint.method == "GET"]
    for number, text in enumerate(TEXTS):
        try:
            word = quote(text, safe="")
        except UnicodeEncodeError:
            word = "%ED%A0%80"  # half of a surrogate pair, as a hostile browser may send it
        for at, path in enumerate(paths):
            if (number + at) % 3:
                continue  # each text meets a third of the paths, each path a third of the texts
            for part in ("{run}", "{task:path}", "{name:path}", "{dag}"):
                path = path.replace(part, word)
            queries = ("", f"?task={word}", f"?cursor={word}", f"?{word}=1")
            query = queries[(number + at) % len(queries)]
            answer = browser.get(ROOT + path + query)
            assert answer.headers["content-type"] == "application/json", path
            assert answer.content.isascii()
            assert answer.status_code < 500, (path, query, answer.text)
            json.loads(answer.content)
