"""What servers of strangers get from a browser that is logged in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytestmark = pytest.mark.slow

LURE = b"""<!doctype html><title>lure</title><script>
for (const path of ["/", "/api/v1/runs", "/private-x/api/v1/runs"]) fetch(path);
</script><iframe src="ADDRESS"></iframe>"""


class Stranger(BaseHTTPRequestHandler):
    """Another account of the machine: it keeps the cookies that it is sent."""

    cookies: list[str] = []  # noqa: RUF012
    lure = b""

    def do_GET(self) -> None:
        self.cookies.append(self.headers.get("cookie", ""))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.lure)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def stranger(address: str) -> Iterator[ThreadingHTTPServer]:
    Stranger.cookies, Stranger.lure = [], LURE.replace(b"ADDRESS", address.encode())
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_server_on_another_port_gets_no_cookie_that_opens_the_api(
    browser: Any, address: str, stranger: ThreadingHTTPServer
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("h1")
    kept = {cookie["name"]: cookie for cookie in context.cookies()}
    port = address.partition("?")[0].rstrip("/").rpartition(":")[2]
    secret = kept[f"flowkit-{port}"]
    assert secret["path"].startswith("/private-")
    lured = context.new_page()
    lured.goto(f"http://127.0.0.1:{stranger.server_port}/")
    lured.wait_for_load_state("networkidle")
    assert len(Stranger.cookies) >= 4
    assert all(secret["value"] not in cookie for cookie in Stranger.cookies)
    assert "flowkit" in "".join(Stranger.cookies), "it does get cookies of this host"
    (frame,) = lured.frames[1:]
    assert "flowkit" not in (frame.title() or ""), "the page is in no frame"
    context.close()


def test_logging_out_leaves_nothing_behind(browser: Any, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("Open the address").wait_for()
    assert context.cookies() == []
    context.close()
