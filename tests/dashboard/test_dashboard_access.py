"""Who gets in, and who may act: everybody else gets a sentence, and nothing of the system."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from flowkit import Client
from flowkit.dashboard import create_app
from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.app import ENDPOINTS, STREAMS
from flowkit.dashboard.endpoint import ROOT
from flowkit.dashboard.guards import HEADERS, name_of
from flowkit.dashboard.pages import VIEWS
from flowkit.dashboard.server import listen
from flowkit.dashboard.static_files import static_files

PLACES = [
    *((endpoint.method, ROOT + endpoint.path) for endpoint in ENDPOINTS),
    *(("GET", ROOT + stream.path) for stream in STREAMS),
    ("GET", ROOT + "/openapi.json"),
    ("GET", ROOT + "/session"),
    *(("GET", view) for view in VIEWS),
]


@pytest.mark.parametrize(("method", "path"), PLACES)
def test_a_stranger_is_refused_everywhere(stranger: TestClient, method: str, path: str) -> None:
    answer = stranger.request(method, path.replace("{", "").replace("}", "").replace(":path", ""))
    assert answer.status_code == 401
    assert "address" in answer.text


@pytest.mark.parametrize("token", ["", "wrong", "ü" * 40, "\0"])
def test_a_wrong_token_opens_nothing(stranger: TestClient, token: str) -> None:
    assert stranger.get("/", params={"token": token}).status_code == 401
    assert not stranger.cookies


def test_the_token_gives_a_cookie_that_scripts_cannot_read(
    stranger: TestClient, access: TokenAccess
) -> None:
    answer = stranger.get("/", params={"token": access.token})
    assert answer.status_code == 200
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert access.token not in cookie + answer.text
    assert stranger.get("/").status_code == 200
    assert stranger.get(ROOT + "/runs").json()["items"] == []


def test_an_app_may_have_its_own_login(system: Client) -> None:
    app = create_app(system, auth=lambda request: request.headers.get("x-user"), read_only=True)
    with TestClient(app) as browser:
        assert browser.get("/").status_code == 401
        answer = browser.get(ROOT + "/session", headers={"x-user": "ann"})
        assert (answer.json()["name"], answer.json()["acts"]) == ("ann", False)
        other = browser.get(ROOT + "/session", headers={"x-user": "bob"})
        assert other.json()["csrf"] != answer.json()["csrf"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "[::2]:8420"]
)
def test_another_host_is_refused(stranger: TestClient, access: TokenAccess, host: str) -> None:
    """Its name may lead here, and its pages would be of our origin."""
    answer = stranger.get("/", params={"token": access.token}, headers={"host": host})
    assert answer.status_code == 421
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("host", "name"),
    [("a:80", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a", "a"), ("a:b", "a:b")],
)
def test_the_name_of_a_host(host: str, name: str) -> None:
    assert name_of(host) == name


@pytest.mark.parametrize("path", ["/", "/static/0/app.js", ROOT + "/runs", "/nothing"])
def test_every_answer_tells_the_browser_to_trust_nothing_else(
    stranger: TestClient, path: str
) -> None:
    headers = stranger.get(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    policy = headers["content-security-policy"]
    assert "'unsafe" not in policy
    assert "http" not in policy


def test_no_file_outside_the_page_is_served(browser: TestClient) -> None:
    for end in ("../pages.py", "%2e%2e/__init__.py", "/etc/passwd", ""):
        for start in ("/static/", address_of("app.js", browser).removesuffix("app.js")):
            assert browser.get(start + end).status_code in (400, 404)


def address_of(file: str, browser: TestClient) -> str:
    (address,) = re.findall(rf'src="([^"]*/{file})"', browser.get("/").text)
    return str(address)


def test_a_browser_keeps_the_files_of_the_page_and_nothing_else(browser: TestClient) -> None:
    """Their address has a digest of them, so another release has other addresses."""
    file = browser.get(address_of("app.js", browser))
    assert file.status_code == 200
    assert "immutable" in file.headers["cache-control"]
    for path in ("/", ROOT + "/runs"):
        assert browser.get(path).headers["cache-control"] == "no-store"


def test_a_bug_is_an_answer_without_details(system: Client, access: TokenAccess) -> None:
    def broken(request: object) -> str | None:
        raise RuntimeError("secret detail")

    app = create_app(system, auth=broken)
    with TestClient(app, raise_server_exceptions=False) as browser:
        answer = browser.get(ROOT + "/runs")
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_small_answers_are_sent_at_once() -> None:
    """Each took 40 ms: asyncio did not know that the socket is one of TCP."""
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_the_shell_names_all_modules_of_its_view_once(browser: TestClient) -> None:
    """Each import that is found later costs a round trip."""
    for path, view in VIEWS.items():
        page = browser.get(path.replace("{run}", "r1").replace("{task:path}", "t")).text
        named = re.findall(r'modulepreload" href="/static/\w+/([\w/]+\.js)"', page)
        assert len(named) == len(set(named))
        assert {"app.js", "dom.js", f"views/{view}.js"} <= set(named)
        assert ("tabs/tasks.js" in named) == (view == "run")
        for name in named:
            text = static_files()[name].data.decode()
            inner = re.findall(r'from "([./\w]+)"|^import "([./\w]+)"', text, re.MULTILINE)
            assert {Path(first or second).name for first, second in inner} <= {
                Path(name).name for name in named
            }
    assert "tabs/graph.js" in browser.get("/runs/r1?tab=graph").text
    assert "/evil" not in browser.get("/runs/r1?tab=../evil").text


def test_a_file_is_compressed_for_who_accepts_it(browser: TestClient) -> None:
    address = address_of("app.js", browser)
    plain = browser.get(address, headers={"Accept-Encoding": "identity"})
    packed = browser.get(address)
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.text == packed.text == static_files()["app.js"].data.decode()
    assert plain.headers["content-type"].startswith("text/javascript")


def test_a_browser_gets_a_page_for_an_address_without_one(
    stranger: TestClient, access: TokenAccess
) -> None:
    """It got a line of JSON, without a way on."""
    page = {"accept": "text/html,application/xhtml+xml"}
    assert stranger.get("/nowhere", headers=page).status_code == 401
    stranger.get("/", params={"token": access.token})
    answer = stranger.get("/nowhere", headers=page)
    assert answer.status_code == 404
    assert "app.js" in answer.text
    assert stranger.get("/nowhere").json()["type"] == "NotFound"
