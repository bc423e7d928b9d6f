"""The page below a path of another app: all addresses are relative to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from flowkit import DAG, Client, task
from flowkit.dashboard import create_app

ROOT = "/tools/flows"
ANN = {"x-user": "ann"}


@task
def one() -> int:
    return 1


async def home(request: HTTPConnection) -> PlainTextResponse:
    return PlainTextResponse("the app around it")


@pytest.fixture
def around(system: Client) -> Iterator[TestClient]:
    page = create_app(
        system, auth=lambda request: request.headers.get("x-user"), hosts=["app.example"]
    )
    app = Starlette(routes=[Route("/", home), Mount(ROOT, page)])
    with TestClient(app, base_url="https://app.example") as browser:
        yield browser


def test_everything_is_below_the_path(around: TestClient, system: Client) -> None:
    dag = DAG("etl")
    dag.add(one)
    run = system.submit(dag).run_id
    assert around.get("/").text == "the app around it"
    for view in ("/", f"/runs/{run}", "/dags/etl"):
        page = around.get(ROOT + view, headers=ANN)
        assert page.status_code == 200
        assert f'data-root="{ROOT}"' in page.text
        addresses = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
        assert addresses
        assert all(address.startswith(f"{ROOT}/static/") for address in addresses)
        assert all(around.get(address).status_code == 200 for address in addresses)
    api = f"{ROOT}/api/v1"
    assert around.get(f"{api}/runs", headers=ANN).json()["items"][0]["run_id"] == run
    description = around.get(f"{api}/openapi.json", headers=ANN).json()
    assert description["servers"] == [{"url": api}]
    csrf = around.get(f"{api}/session", headers=ANN).json()["csrf"]
    acting = {**ANN, "x-flowkit-csrf": csrf, "origin": "https://app.example"}
    assert around.post(f"{api}/runs/{run}/cancel", headers=acting).status_code == 200
    told = around.get(f"{api}/runs/{run}/history", headers=ANN).json()["items"]
    cancelled = next(event["by"] for event in told if event["what"] == "cancelled")
    assert re.fullmatch(r"ann@\S+ via dashboard", cancelled)  # the user whom the app let in
    assert around.post(f"{api}/runs/{run}/cancel", headers=ANN).status_code == 403


def test_strangers_and_other_hosts_are_refused_below_the_path(around: TestClient) -> None:
    for path in ("/", "/runs/x", "/api/v1/runs", "/api/v1/session", "/api/v1/live/runs"):
        assert around.get(ROOT + path).status_code == 401
        other = around.get(ROOT + path, headers={**ANN, "host": "evil.example"})
        assert other.status_code == 421
    assert around.get(ROOT + "/", headers={"x-user": ""}).status_code == 401
    session = around.get(f"{ROOT}/api/v1/session", headers=ANN).json()
    acting = {**ANN, "x-flowkit-csrf": session["csrf"]}
    assert session["logs_out"] is False
    assert around.delete(f"{ROOT}/api/v1/session", headers=acting).status_code == 409


def test_a_login_that_would_let_everybody_in_is_an_error(system: Client) -> None:
    """A coroutine is true, whatever it would have returned."""

    class NeverAwaited:
        pass

    page = create_app(system, auth=lambda request: NeverAwaited())  # type: ignore[arg-type,return-value]
    with TestClient(page, raise_server_exceptions=False) as browser:
        assert browser.get("/api/v1/runs").status_code == 500
