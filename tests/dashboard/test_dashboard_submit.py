"""Forms of run parameters in the API, and runs that are submitted with them."""

from __future__ import annotations

from typing import Any

import pytest
from here import BASE, Browser
from json_schema import all_documents, misfits
from starlette.testclient import TestClient

from flowkit import DAG, Client, Task
from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.app import build_app
from flowkit.dashboard.endpoint import ROOT

NAME = "etl/<b>"


def load(size: int, word: str = "x") -> int:
    """:param size: How many rows <script>."""
    return size


def submit(system: Client, **params: object) -> str:
    flow = DAG(NAME)
    flow.add(Task(load))
    return system.submit(flow, params=params).run_id


@pytest.fixture
def run(system: Client) -> str:
    return submit(system, size=7)


@pytest.fixture
def headers(browser: TestClient) -> dict[str, str]:
    return {"X-Flowkit-CSRF": browser.get(ROOT + "/session").json()["csrf"]}


def checked(answer: Any, status: int = 200) -> dict[str, Any]:
    """Return a document, which fits its schema."""
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    inner = {name: value for name, value in document.items() if name != "schema"}
    assert list(misfits(inner, all_documents()[document["schema"]])) == []
    return document


def test_a_form_of_a_run_and_of_a_dag(browser: TestClient, run: str) -> None:
    form = checked(browser.get(f"{ROOT}/runs/{run}/form"))
    assert (form["run_id"], form["dag"], form["told"]) == (run, NAME, True)
    assert [item["name"] for item in form["parameters"]] == ["size", "word"]
    assert form["parameters"][0] == {
        "name": "size",
        "type": "int",
        "known": True,
        "required": True,
        "default": "",
        "description": "How many rows <script>.",
        "example": "5",
        "given": True,
        "text": "7",
    }
    assert checked(browser.get(ROOT + "/dag-form", params={"dag": NAME})) == form
    assert checked(browser.get(ROOT + "/dag-form?dag=none"), 404)["type"] == "RunNotFound"
    assert checked(browser.get(f"{ROOT}/runs/none/form"), 404)["type"] == "RunNotFound"


def test_a_run_is_submitted_with_texts(
    browser: TestClient, headers: dict[str, str], system: Client, run: str
) -> None:
    body = {"again": run, "params": {"size": "8", "word": "5"}}
    first = checked(browser.post(ROOT + "/runs", json=body, headers=headers))
    assert (first["dag"], system.run(first["run_id"]).params()) == (NAME, {"size": 8, "word": "5"})
    body = {"again": first["run_id"], "without": ["word"]}
    second = checked(browser.post(ROOT + "/runs", json=body, headers=headers))
    assert system.run(second["run_id"]).params() == {"size": 8}


@pytest.mark.parametrize(
    ("body", "parameter", "says"),
    [
        ({"params": {"size": "many"}}, "size", "must be int, not 'many'"),
        ({"params": {"sise": "7"}}, "sise", "Did you mean 'size'?"),
        ({"without": ["size"]}, "size", "the required parameter 'size' has no value"),
        ({"without": ["word"]}, "word", "cannot be left out"),
    ],
)
def test_an_error_names_its_parameter(
    browser: TestClient, headers: dict[str, str], run: str, body: Any, parameter: str, says: str
) -> None:
    answer = browser.post(ROOT + "/runs", json={"again": run, **body}, headers=headers)
    error = checked(answer, 400)
    assert (error["type"], error["parameter"]) == ("ParameterError", parameter)
    assert says in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"again": 5},
        {"again": "RUN", "more": 1},
        {"again": "RUN", "params": []},
        {"again": "RUN", "params": {"size": 7}},
        {"again": "RUN", "params": {"size": "x" * 100_001}},
        {"again": "RUN", "params": {str(number): "" for number in range(201)}},
        {"again": "RUN", "without": "size"},
        {"again": "RUN", "without": [5]},
    ],
    ids=lambda body: str(body)[:40],
)
def test_another_body_is_refused(
    browser: TestClient, headers: dict[str, str], run: str, body: dict[str, Any]
) -> None:
    body = {name: run if value == "RUN" else value for name, value in body.items()}
    error = checked(browser.post(ROOT + "/runs", json=body, headers=headers), 400)
    assert (error["type"], error["parameter"]) == ("BadParameter", None)


def test_the_id_of_no_run_is_not_found(browser: TestClient, headers: dict[str, str]) -> None:
    for again in ("none", "a/b", "x" * 500):
        checked(browser.post(ROOT + "/runs", json={"again": again}, headers=headers), 404)


def test_who_may_not_act_submits_nothing(
    browser: TestClient, system: Client, access: TokenAccess, run: str
) -> None:
    assert browser.post(ROOT + "/runs", json={"again": run}).status_code == 403
    with Browser(build_app(system, None, access), access, base_url=BASE) as looking:
        looking.get("/", params={"token": access.token})
        checked(looking.get(f"{ROOT}/runs/{run}/form"))
        csrf = {"X-Flowkit-CSRF": looking.get(ROOT + "/session").json()["csrf"]}
        assert looking.post(ROOT + "/runs", json={"again": run}, headers=csrf).status_code == 403
    assert len(system.runs()) == 1


def test_a_hostile_store_gets_no_form_of_its_own(
    browser: TestClient, system: Client, run: str
) -> None:
    """What the store says of parameters is refused as a whole, and the run's own are listed."""
    handle = system.run(run)
    for stored in (b"\xdd\x00\x0f\x42\x40" + b"\x91\xa1a" * 50_000, b"x" * 10**6, b"\xc1"):
        with handle.shard.store() as store:
            key = store.keys.takes(handle.record().digest)
            store.link.call("HSET", key, "takes", stored)
        form = checked(browser.get(f"{ROOT}/runs/{run}/form"))
        assert (form["told"], len(form["problem"]) < 500) == (False, True)
        assert [item["name"] for item in form["parameters"]] == ["size"]


def test_parameters_that_are_damaged_are_no_bug(
    browser: TestClient, system: Client, run: str, headers: dict[str, str]
) -> None:
    with system.run(run).shard.store() as store:
        store.link.call("HSET", store.keys.run(run), "params", b"\xc1")
    answers = [
        browser.get(f"{ROOT}/runs/{run}/form"),
        browser.post(f"{ROOT}/runs", json={"again": run}, headers=headers),
        browser.post(f"{ROOT}/runs", json={"again": run, "params": {"word": "y"}}, headers=headers),
    ]
    assert [checked(answer, 502)["type"] for answer in answers] == ["RunDamaged"] * 3
