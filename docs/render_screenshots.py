"""Takes the pictures of the page: ``python docs/render_screenshots.py [--png FOLDER] [VIEW …]``.

It runs a real system with the apps ``docs/screenshots/shops.py`` and ``examples/stdlib_report.py``,
serves its page, and looks at each view with Chromium: in light, in dark, and as wide as a phone.
The pictures are WebP files in ``docs/screenshots``. ``--png`` writes PNG files elsewhere, for
programs that read no WebP. With names of views, only those are taken. It needs Playwright and
Debian's package chromium, and takes about three minutes.

All runs have the same parameters each time. Ids, times and durations differ a little, so a picture
is worth a commit only if the page has changed.
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowkit import Client, RunHandle
from flowkit.app import load_app
from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.app import build_app
from flowkit.dashboard.server import BackgroundServer, listen
from flowkit.embedded import EmbeddedServer
from flowkit.system import LocalSystem

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "screenshots"
# Copies of the apps, whose paths the page shows.
SHOPS = Path(tempfile.gettempdir(), "shops")
APPS = (str(SHOPS / "shops.py"), str(SHOPS / "stdlib_report.py"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
QUALITY = 38
DEADLINE_S = 120.0
DAYS = [f"2026-11-{day:02}" for day in (9, 10, 11, 12, 13, 14)]


@dataclass(frozen=True, slots=True)
class Look:
    """How a view is looked at. Sizes in pixels."""

    name: str
    width: int
    height: int
    scheme: str


LOOKS = (
    Look("light", 1080, 780, "light"),
    Look("dark", 1080, 780, "dark"),
    Look("phone", 400, 820, "light"),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """The runs of the pictures."""

    failed: RunHandle
    running: RunHandle
    report: RunHandle


def prepare(client: Client) -> Shown:
    """Submit the runs, and return when each is in the state that its pictures show."""
    shops, report = map(load_app, APPS)
    orders, training, backup = (shops.dags[name] for name in ("orders", "training", "backup"))
    ended = [client.submit(orders, params={"day": day}) for day in DAYS]
    ended += [client.submit(training, params={"rounds": rounds}) for rounds in (2, 3, 4)]
    ended[-1].cancel()
    with tempfile.TemporaryDirectory() as folder:
        made = client.submit(next(iter(report.dags.values())), params={"out": folder})
        for handle in (*ended, made):
            handle.wait(timeout=DEADLINE_S)
    client.submit(backup)
    running = client.submit(orders, params={"day": "2026-11-15", "pace": 3.0, "limit": 7})
    while not any((task.items or {}).get("running") for task in running.status().tasks):
        pass
    return Shown(ended[DAYS.index("2026-11-13")], running, made)


# Path of each view; FAILED, RUNNING and REPORT stand for the ids of these runs.
VIEWS = {
    "runs": "/",
    "run": "/runs/RUNNING",
    "graph": "/runs/RUNNING?tab=graph",
    "timeline": "/runs/REPORT?tab=timeline",
    "tasks": "/runs/FAILED?tab=tasks",
    "logs": "/runs/FAILED?tab=logs",
    "history": "/runs/FAILED?tab=history",
    "task": "/runs/FAILED/tasks/fetch_orders%5B5%5D",
    "dags": "/dags",
    "dag": "/dags/orders",
    "workers": "/workers",
    "queues": "/queues",
    "dead": "/dead",
    "system": "/system",
}


def path_of(view: str, shown: Shown) -> str:
    """Return the path of a view of these runs."""
    path = VIEWS[view]
    for name in ("failed", "running", "report"):
        path = path.replace(name.upper(), getattr(shown, name).run_id)
    return path


@contextmanager
def served() -> Iterator[tuple[Client, str]]:
    """Start a system and its page. Yields a client, and the address of the page."""
    shutil.copytree(ROOT / "examples", SHOPS)
    shutil.copy(FOLDER / "shops.py", SHOPS)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, SHOPS)
        server = stack.enter_context(EmbeddedServer())
        system = LocalSystem(
            APPS, url=server.url, processes=3, app_version="2026.11", on_line=lambda line: None
        )
        client = stack.enter_context(system.client())
        stack.enter_context(system)
        system.wait_ready()
        listening = stack.enter_context(listen("127.0.0.1", 0))
        port = listening.getsockname()[1]
        access = TokenAccess(f"flowkit-{port}")
        stack.enter_context(BackgroundServer(build_app(client, client, access), listening, print))
        yield client, f"http://127.0.0.1:{port}/?token={access.token}"


@contextmanager
def browser() -> Iterator[Any]:
    """Start Chromium."""
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        raise FileNotFoundError("no browser: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
        yield started
        started.close()


def take(page: Any, name: str, look: Look, png: Path | None) -> None:
    """Write the picture of what a page shows."""
    if png is not None:
        page.screenshot(path=png / f"{name}-{look.name}.png")
        return
    devtools = page.context.new_cdp_session(page)
    answer = devtools.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    (FOLDER / f"{name}-{look.name}.webp").write_bytes(base64.b64decode(answer["data"]))
    devtools.detach()


def look_at(
    started: Any, address: str, paths: dict[str, str], look: Look, png: Path | None
) -> None:
    """Take the pictures of all paths, below the address of a page."""
    context = started.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,
        locale="en-GB",
        timezone_id="UTC",
    )
    page = context.new_page()
    page.goto(address)
    page.locator("h1").wait_for()
    root = address.partition("/?")[0]
    for name, path in paths.items():
        page.goto(root + path)
        page.locator("h1").wait_for()
        page.wait_for_timeout(1_500)  # until its documents have come
        take(page, name, look, png)
    context.close()


def main(words: Sequence[str]) -> None:
    """Take the pictures."""
    chosen, png = list(words), None
    if "--png" in chosen:
        at = chosen.index("--png")
        png = Path(chosen[at + 1])
        png.mkdir(parents=True, exist_ok=True)
        del chosen[at : at + 2]
    with served() as (client, address), browser() as started:
        watching = started.new_page()
        watching.goto(address)
        watching.get_by_role("link", name="Queues").click()  # depths begin when somebody looks
        shown = prepare(client)
        paths = {view: path_of(view, shown) for view in chosen or VIEWS}
        for look in LOOKS:
            look_at(started, address, paths, look, png)


if __name__ == "__main__":
    main(sys.argv[1:])
