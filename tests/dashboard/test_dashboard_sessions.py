"""Sessions: how they begin and end, and what their cookies are for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from functools import partial

import pytest
from here import BASE, Browser
from starlette.requests import Request
from starlette.types import Message

from flowkit import Client
from flowkit.client.documents.api import ErrorAnswer
from flowkit.clock import FakeClock
from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.answering import Answering
from flowkit.dashboard.app import build_app
from flowkit.dashboard.endpoint import ROOT, Stream
from flowkit.dashboard.live import streams, watch
from flowkit.dashboard.live.source import DocumentSource
from flowkit.dashboard.sessions import IDLE_S, LIFE_S, MOST_SESSIONS, Sessions
from flowkit.dashboard.throttle import GUESS_S, MOST_GUESSES, Throttle

PASSWORD = "a long pässword"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def guarded(clock: FakeClock) -> TokenAccess:
    sessions, throttle = Sessions(clock), Throttle(clock=clock)
    return TokenAccess("flowkit-8420", PASSWORD, sessions=sessions, throttle=throttle)


@pytest.fixture
def door(system: Client, guarded: TokenAccess) -> Iterator[Browser]:
    """A page with a password."""
    with Browser(build_app(system, system, guarded), guarded, base_url=BASE) as browser:
        yield browser


def log_in(door: Browser, password: str = PASSWORD, path: str = "/", **headers: str) -> int:
    return int(door.post(path, data={"password": password}, headers=headers).status_code)


# -- the store of sessions ------------------------------------------------------------------------


def test_the_session_that_was_not_used_for_longest_ends() -> None:
    sessions = Sessions()
    first, second, *_ = [sessions.open() for _ in range(MOST_SESSIONS)]
    assert sessions.of_key(first.key) is first
    sessions.open()
    assert sessions.of_view(first.view) is first
    assert sessions.of_key(second.key) is None
    assert sessions.of_view(second.view) is None


def test_a_session_that_nobody_uses_ends(clock: FakeClock) -> None:
    sessions = Sessions(clock)
    used, idle = sessions.open(), sessions.open()
    clock.advance(IDLE_S - 1)
    assert sessions.of_key(used.key) is used
    clock.advance(2)
    assert sessions.of_key(used.key) is used
    assert sessions.of_key(idle.key) is None


def test_no_session_lasts_for_ever(clock: FakeClock) -> None:
    sessions = Sessions(clock)
    session = sessions.open()
    for _ in range(int(LIFE_S // IDLE_S)):
        assert sessions.of_key(session.key) is session
        clock.advance(IDLE_S)
    clock.advance(1)
    assert sessions.of_key(session.key) is None


def test_what_is_secret_is_in_no_text_of_a_session() -> None:
    session = Sessions().open()
    assert not any(text in repr(session) for text in (session.key, session.view, session.csrf))


# -- cookies --------------------------------------------------------------------------------------


def test_the_cookie_of_the_api_goes_to_a_path_that_nobody_can_guess(
    stranger: Browser, access: TokenAccess
) -> None:
    """A server on another port gets the cookies of this host, but not for this path."""
    answer = stranger.get("/", params={"token": access.token})
    view, api = answer.headers.get_list("set-cookie")
    assert re.search(r"; Path=/;|; Path=/$", view)
    assert f"Path={access.private}/" in api
    assert len(access.private) > 25
    assert stranger.get("/runs/x").status_code == 200
    assert stranger.get(f"{BASE}{ROOT}/runs").status_code == 401  # without the cookie
    assert stranger.get(ROOT + "/runs").status_code == 200


def test_the_pages_have_nothing_that_opens_the_api(browser: Browser, access: TokenAccess) -> None:
    """A thief of the cookie of the pages gets the frame, which everybody can download."""
    page = browser.get("/").text
    assert access.private not in page
    assert browser.get(ROOT + "/session").json()["csrf"] not in page
    view = dict(browser.cookies.items())[access.view_cookie]
    browser.cookies.clear()
    for name in (access.view_cookie, access.cookie):
        assert browser.get(ROOT + "/runs", headers={"cookie": f"{name}={view}"}).status_code == 401


def test_a_page_of_an_earlier_start_is_told_how_to_get_in(browser: Browser) -> None:
    answer = browser.get("/private-of-before/api/v1/runs")
    assert (answer.status_code, answer.json()["type"]) == (401, "NotLoggedIn")


@pytest.mark.parametrize("is_https", [False, True])
def test_behind_https_cookies_are_secure_and_actions_work(
    system: Client, access: TokenAccess, is_https: bool
) -> None:
    """What a request says of a proxy counts for nothing."""
    app = build_app(system, system, access, behind_https=is_https)
    with Browser(app, access, base_url=BASE) as door:
        claims = {"x-forwarded-proto": "https", "forwarded": "proto=https"}
        entered = door.get("/", params={"token": access.token}, headers=claims)
        cookies = entered.headers.get_list("set-cookie")
        assert all(("Secure" in cookie) is is_https for cookie in cookies)
        pairs = "; ".join(cookie.partition(";")[0] for cookie in cookies)
        csrf = door.get(ROOT + "/session", headers={"cookie": pairs}).json()["csrf"]
        for scheme, wanted in (("http", not is_https), ("https", is_https)):
            headers = {"x-flowkit-csrf": csrf, "origin": f"{scheme}://127.0.0.1:8420"}
            answer = door.post(ROOT + "/runs/x/cancel", headers={**headers, "cookie": pairs})
            assert answer.status_code == (404 if wanted else 403)


# -- logging in and out ---------------------------------------------------------------------------


def test_a_password_lets_in_on_every_page(door: Browser) -> None:
    page = door.get("/runs/x?tab=logs")
    assert (page.status_code, 'action="?tab=logs"' in page.text) == (401, True)
    wrong = door.post("/runs/x?tab=logs", data={"password": "another"})
    assert (wrong.status_code, "not the password" in wrong.text) == (401, True)
    assert log_in(door, path="/runs/x?tab=logs", **{"sec-fetch-site": "same-origin"}) == 200
    assert "app.js" in door.get("/runs/x?tab=logs").text
    assert door.get(ROOT + "/runs").status_code == 200


@pytest.mark.parametrize("body", [b"", b"\xff", b"password", b"=&" * 50, b"password=%ff"])
def test_a_form_that_is_none_lets_in_nobody(door: Browser, body: bytes) -> None:
    assert door.post("/", content=body).status_code == 401


def test_a_form_is_small(door: Browser) -> None:
    assert log_in(door, "x" * 5000) == 413


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_another_site_can_guess_nothing(door: Browser, site: str) -> None:
    """Nor does it use up the attempts of the owner, who may have opened it."""
    for _ in range(MOST_GUESSES + 1):
        assert log_in(door, "wrong", **{"sec-fetch-site": site}) == 403
    assert log_in(door) == 200


def test_without_a_password_nobody_can_log_in(stranger: Browser) -> None:
    assert stranger.post("/", data={"password": ""}).status_code == 401


def test_with_a_password_there_is_no_token(door: Browser, guarded: TokenAccess) -> None:
    assert door.get("/", params={"token": guarded.token}).status_code == 401


def test_passwords_cannot_be_guessed_quickly(door: Browser, clock: FakeClock) -> None:
    for _ in range(MOST_GUESSES):
        assert log_in(door, "wrong") == 401
    late = door.post("/", data={"password": PASSWORD})
    assert (late.status_code, late.headers["retry-after"]) == (429, "6")
    assert "Try again in 6 s" in late.text
    by_program = door.get(ROOT + "/runs", headers={"authorization": "Bearer wrong"})
    assert (by_program.status_code, by_program.json()["type"]) == (429, "TooManyAttempts")
    clock.advance(GUESS_S)
    assert log_in(door) == 200
    assert log_in(door, "wrong") == 401
    assert log_in(door, "wrong") == 429
    assert door.get(ROOT + "/runs").status_code == 200, "a session that is open continues"


def test_logging_out_ends_the_session_and_takes_the_cookies_back(browser: Browser) -> None:
    session = browser.get(ROOT + "/session").json()
    assert session["logs_out"] is True
    kept = dict(browser.cookies.items())
    assert browser.delete(ROOT + "/session").status_code == 403
    gone = browser.delete(ROOT + "/session", headers={"x-flowkit-csrf": session["csrf"]})
    assert (gone.status_code, dict(browser.cookies.items())) == (200, {})
    stolen = {"cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}
    assert browser.get(ROOT + "/runs", headers=stolen).status_code == 401
    assert browser.get("/", headers=stolen).status_code == 401


# -- programs -------------------------------------------------------------------------------------


def bearer(text: str) -> dict[str, str | bytes]:
    return {"authorization": b"Bearer " + text.encode()}  # type: ignore[dict-item]


def test_a_program_reads_and_acts_with_the_token(stranger: Browser, access: TokenAccess) -> None:
    """No page of another site can send this header, so it needs no CSRF token."""
    for path in (BASE + ROOT, ROOT):
        assert stranger.get(path + "/runs", headers=bearer(access.token)).status_code == 200
        cancel = stranger.post(path + "/runs/x/cancel", headers=bearer(access.token))
        assert (cancel.status_code, cancel.json()["type"]) == (404, "RunNotFound")
    assert not stranger.cookies
    away = bearer(access.token) | {"origin": "http://evil.example"}
    assert stranger.post(ROOT + "/runs/x/cancel", headers=away).status_code == 403
    out = stranger.delete(ROOT + "/session", headers=bearer(access.token))
    assert (out.status_code, out.json()["type"]) == (409, "NoSession")


def test_a_program_sends_the_password(door: Browser, guarded: TokenAccess) -> None:
    assert door.get(ROOT + "/runs", headers=bearer(PASSWORD)).status_code == 200
    assert door.get(ROOT + "/runs", headers=bearer(guarded.token)).status_code == 401


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic dTpw", "x" * 999]
)
def test_another_header_opens_nothing(stranger: Browser, header: str) -> None:
    answer = stranger.get(ROOT + "/runs", headers={"authorization": header})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_cookie_and_a_token_together_are_refused(browser: Browser, access: TokenAccess) -> None:
    answer = browser.post(ROOT + "/runs/x/cancel", headers=bearer(access.token))
    assert (answer.status_code, answer.json()["type"]) == (400, "TwoLogins")


# -- streams --------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_stream_ends_with_its_session(
    system: Client, access: TokenAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "ASKED_S", -1.0)
    session = access.sessions.open()
    cookie = f"{access.cookie}={session.key}".encode()
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"cookie", cookie)]}
    request = Request({**scope, "query_string": b"", "path_params": {}})
    streaming = streams.Streaming(Answering(access, system, None))
    told = ErrorAnswer(type="A", message="first")
    stream = Stream("/x", "A document.", lambda asked: DocumentSource(lambda: told, 60.0))
    answer = await streaming.handle(request, stream=stream)
    assert streaming.hub.streams == 1  # before it begins: others may come together with it
    body = answer.body_iterator
    assert b"first" in await anext(body)
    access.sessions.close(session.key)
    monkeypatch.setattr(watch, "PING_S", 0.01)
    with pytest.raises(StopAsyncIteration):
        await anext(body)

    async def send(message: Message) -> None:
        assert message["type"] != "http.response.body" or not message["body"]

    await answer(scope, partial(asyncio.sleep, 60), send)
    assert streaming.hub.streams == 0
