"""A browser, and a dashboard of a system on a real Redis.

``pip install 'flowkit[slow]'`` and Debian's package chromium: without one of them these tests
are skipped, and say what to install. The tests fail if a page writes an error to its console.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from real_redis import RealRedis

from flowkit import Client
from flowkit.settings import Settings

# The rest keep Chromium from asking servers of its maker.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")


# Playwright keeps an event loop running in this thread, in which no other one can run. So it ends
# with the module, before tests of others begin.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install 'flowkit[slow]'"
    )
    executable = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    if executable is None:
        pytest.skip("no browser: apt-get install chromium")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture
def system(redis_server: RealRedis, namespace: str) -> Iterator[Client]:
    with Client(Settings(redis_url=redis_server.url, namespace=namespace)) as client:
        yield client


@pytest.fixture
def address(
    redis_server: RealRedis, namespace: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The address that ``flowkit dashboard`` prints. An indirect parameter has more options."""
    where = ["--redis", redis_server.url, "--namespace", namespace, *getattr(request, "param", ())]
    words = [sys.executable, "-m", "flowkit", "dashboard", "--no-open", "--port", "0", *where]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert "Traceback" not in said, said


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page that was let in. It writes nothing to its console, and asks no other server."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    opened, wrong = context.new_page(), list[str]()
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    root = address.partition("?")[0]
    opened.on("request", lambda request: request.url.startswith(root) or wrong.append(request.url))
    opened.goto(address)
    opened.wait_for_selector("h1")
    yield opened
    context.close()
    assert wrong == []
