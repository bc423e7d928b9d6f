"""Text from outside runs nothing in the page, and looks like nothing but text.

A server stands between the page and the API, and writes each payload into every text of every
answer: names, labels, submitters, parameters, errors, tracebacks, lines, results with their keys,
queues, workers, code, history, versions, progress. So a field that a later release adds is
attacked too. Only what steers the page (states, times, cursors) is left as it is.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from nasty import NASTY, harmful
from real_redis import RealRedis
from starlette.types import ASGIApp, Receive, Scope, Send
from whole_run import WholeRun

from flowkit import DAG, Client, Task
from flowkit.core.states import RunState, TaskState
from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.app import build_app
from flowkit.dashboard.server import BackgroundServer
from flowkit.settings import Settings

pytestmark = pytest.mark.slow

PWN = "window.pwned = 1"
MARKUP = (
    f"<script>{PWN}</script>",
    f"</script><script>{PWN}</script><!--",
    f"<img src=x onerror='{PWN}'>",
    f"<svg onload='{PWN}'><animate onbegin='{PWN}'></svg>",
    f"<iframe srcdoc='<script>parent.{PWN}</script>'></iframe>",
    "{{7*7}}${7*7}<%= 7*7 %>#{7*7}{% raw %}",
    "</style><style>*{display:none}</style>;}*{background:url(//evil.example)}",
    "a\"]'] > * :not(*), \\",
)
PAYLOADS = {
    "markup": " ".join(MARKUP),
    "an attribute": f"\"'` onmouseover={PWN} onfocus={PWN} autofocus x=",
    "an address": f"javascript:{PWN}",
    "another address": "//evil.example/%2e%2e/../?a#b",
    "data": f"data:text/html,<script>{PWN}</script>",
    "a prototype": "__proto__",
    "a constructor": "constructor",
    "a number": "0",
    "hidden": "".join(text.replace("\ud800", "") for text in NASTY.values()),
}
# These stand alone where no name has to stay unique.
ALONE = ("__proto__", "constructor", "0")
NAMES = {"names", "name", "task", "tasks", "item_of", "dag", "queue", "worker", "workers"}
WORDS = {state.value for state in (*RunState, *TaskState)}
# What steers the page, not what it shows.
STEERING = {
    "schema", "csrf", "states", "next", "cursor", "time", "level", "on_failure", "trigger", "order",
    "run_id", "digest",
}  # fmt: skip
NAMED = {"params", "depths", "value", "levels", "by_queue"}  # objects whose keys are names
TIME = re.compile(r"\d{4}-\d\d-\d\dT")


def hostile(value: Any, payload: str, field: str = "") -> Any:
    """Return JSON values with the payload in each text that is shown."""
    if isinstance(value, str):
        if field in STEERING or value in WORDS or TIME.match(value) or not value:
            return value
        return payload if payload in ALONE and field not in NAMES else f"{payload} {value}"
    if isinstance(value, list):
        return [hostile(item, payload, field) for item in value]
    if isinstance(value, dict):
        is_named = field in NAMED
        first = payload if payload in ALONE else ""
        changed = {
            f"{payload} {key}" if is_named else key: hostile(
                item, payload, "value" if is_named else key
            )
            for key, item in value.items()
        }
        return {first: 1, **changed} if is_named and first else changed
    return value


class Between:
    """An app that changes what another one answers."""

    payload = ""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [item for item in scope["headers"] if item[0] != b"accept-encoding"]
            scope = {**scope, "headers": headers, **self._meant(scope)}
        held: list[MutableMapping[str, Any]] = []

        async def send_changed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                held[:] = [message]
                return
            start, body = held[0], message.get("body", b"")
            kind = dict(start["headers"]).get(b"content-type", b"")
            if kind.startswith(b"application/json"):
                body = self._changed(body)
            elif kind.startswith(b"text/event-stream"):
                body = re.sub(rb"(?<=data: ).*", lambda found: self._changed(found[0]), body)
            if not start.get("sent"):
                names = (b"content-length",)
                kept = [item for item in start["headers"] if item[0] not in names]
                start["sent"] = True
                await send({**start, "headers": kept})
            await send({**message, "body": body})

        await self._app(scope, receive, send_changed)

    def _meant(self, scope: Scope) -> Scope:
        """Return path and query without what was written into names: those exist."""
        added = f"{self.payload} "
        query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        meant = urlencode([(key, value.replace(added, "")) for key, value in query])
        return {"path": scope["path"].replace(added, ""), "query_string": meant.encode()}

    def _changed(self, text: bytes) -> bytes:
        return json.dumps(hostile(json.loads(text), self.payload)).encode() if text else text


def extract(given: str) -> list[dict[str, str]]:
    print("a line")
    return [{"key": given}, {"other": "text"}]


def load(row: dict[str, str]) -> str:
    if "other" in row:
        raise ValueError("bad row")
    return "done"


@pytest.fixture
def between(redis_server: RealRedis, namespace: str) -> Iterator[tuple[Between, str]]:
    """The hostile server, and the address of its page."""
    with DAG("etl", on_failure="continue") as dag:
        Task(extract) >> Task(load).map(label="row {row}")
    run = WholeRun(redis_server.url, namespace, dag, params={"given": "text"})
    assert run.finish() == "failed"
    access = TokenAccess("flowkit-hostile")
    settings = Settings(redis_url=redis_server.url, namespace=namespace)
    with Client(settings) as client, socket.create_server(("127.0.0.1", 0)) as listening:
        client.submit(dag, params={"given": "text"})
        app = Between(build_app(client, client, access))
        with BackgroundServer(app, listening, print):
            yield app, f"http://127.0.0.1:{listening.getsockname()[1]}/?token={access.token}"
    run.close()


VIEWS = [
    "/", "/runs/r1?tab=tasks", "/runs/r1?tab=graph", "/runs/r1?tab=timeline", "/runs/r1?tab=logs",
    "/runs/r1?tab=history", "/runs/r1/tasks/extract", "/runs/r1/tasks/load%5B1%5D", "/dags",
    "/dags/etl", "/workers", "/queues", "/dead", "/system",
]  # fmt: skip
# Elements and attributes that no module of ours makes.
FOREIGN = (
    "iframe, object, embed, img, base, style, meta[http-equiv], body script, [onerror], [onload],"
    "[onfocus], [onmouseover], [onbegin], [srcdoc], [href^='javascript:' i], [href^='data:' i],"
    "[href^='//'], u, animate"
)
REFUSED = re.compile(r"Failed to load resource: (.* status of 4\d\d|net::ERR_CONNECTION_RESET)")
SHOWN = """() => document.title + document.body.innerText + [...document.querySelectorAll("*")]
  .map((e) => [e.title, e.ariaLabel, e.placeholder].join(" ")).join(" ")"""


class Watched:
    """A page, and what went wrong in it."""

    def __init__(self, context: Any, root: str) -> None:
        self.wrong: list[str] = []
        self.page = context.new_page()
        self.page.on("console", lambda message: self._hear(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.wrong.append("dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self._see(request.url, root))

    def _hear(self, text: str) -> None:
        if not REFUSED.match(text):  # names that are too long for an address
            self.wrong.append(text)

    def _see(self, url: str, root: str) -> None:
        if not url.startswith(root):
            self.wrong.append(f"request: {url[:200]}")

    def check(self, where: str) -> None:
        page = self.page
        assert page.evaluate("typeof window.pwned") == "undefined", where
        assert page.locator(FOREIGN).count() == 0, where
        shown = page.evaluate(SHOWN).replace("\t", " ").replace("\u200c", "").replace("\u200d", "")
        assert harmful(shown) == [], where
        assert "This did not work" not in shown, (where, shown[:2000])
        assert self.wrong == [], where


def open_all(page: Any) -> None:
    """Open what can be opened, and point at some of the rest. The page changes meanwhile."""
    from playwright.sync_api import Error

    for element in page.locator("main summary, main [aria-expanded=false]").all()[:4]:
        with suppress(Error):
            element.click(timeout=2_000)
    for element in page.locator("main a, main td, main canvas").all()[:8]:
        with suppress(Error):
            element.hover(force=True, timeout=2_000)


@pytest.mark.parametrize("name", PAYLOADS)
def test_text_from_outside_is_text(browser: Any, between: tuple[Between, str], name: str) -> None:
    app, address = between
    root = address.partition("?")[0].rstrip("/")
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    watched = Watched(context, root)
    page = watched.page
    page.goto(address)
    page.wait_for_selector("h1")
    app.payload = PAYLOADS[name]
    for view in VIEWS:
        page.goto(root + view)
        page.wait_for_selector("h1")
        page.wait_for_load_state("load")
        page.wait_for_timeout(100)  # for the first event of the stream
        watched.check(view)
        open_all(page)
        watched.check(f"{view}, opened")
    context.close()
