"""A dashboard in a process, and browsers that were let in: for tests of several pages."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# When the first rows of a view are drawn, in milliseconds after the start of the navigation.
ROWS = """new MutationObserver((_, observer) => {
  if (!document.querySelector("[data-row]")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.rowsAt = performance.now(); }));
}).observe(document, { childList: true, subtree: true });"""


@dataclass(slots=True)
class Dashboard:
    """A running dashboard. ``address``: with its token."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> int:
        return int(self.address.partition("?")[0].rstrip("/").rpartition(":")[2])

    @property
    def query(self) -> str:
        return self.address.partition("?")[2]

    def memory(self, kind: str = "VmRSS") -> float:
        """Return its memory in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        match = re.search(rf"{kind}:\s+(\d+) kB", text)
        assert match is not None
        return int(match[1]) / 1000


@contextlib.contextmanager
def dashboard(url: str, namespace: str, port: int = 0) -> Iterator[Dashboard]:
    """Run ``flowkit dashboard``."""
    where = ["--redis", url, "--namespace", namespace]
    words = [sys.executable, "-m", "flowkit", "dashboard", "--no-open", "--port", str(port), *where]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Dashboard(process, process.stdout.readline().strip())
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert "Traceback" not in said, said


@contextlib.contextmanager
def let_in(browser: Any, shown: Dashboard, port: int | None = None) -> Iterator[Any]:
    """Open a context of a browser that has a session, and no file of the page.

    ``port``: of a wire to the dashboard.
    """
    root = f"http://127.0.0.1:{port or shown.port}/"
    first = browser.new_context()
    opened = first.new_page()
    opened.goto(f"{root}system?{shown.query}")
    opened.locator("#top nav").wait_for()
    state = first.storage_state()
    first.close()
    context = browser.new_context(
        viewport={"width": 1200, "height": 800}, base_url=root, storage_state=state
    )
    context.add_init_script(ROWS)
    yield context
    context.close()


def opened(context: Any, path: str) -> tuple[Any, float]:
    """Open a view in a new page. Return the page, and when its first rows were drawn (ms)."""
    page = context.new_page()
    page.goto(path, wait_until="commit")
    page.locator("[data-row]").first.wait_for()
    at = None
    while at is None:
        at = page.evaluate("window.rowsAt ?? null")
    return page, at
