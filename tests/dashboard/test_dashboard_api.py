"""The API answers with documents, and refuses what does not fit with a sentence."""

from __future__ import annotations

import pytest
from json_schema import misfits
from starlette.testclient import TestClient

from flowkit import DAG, Client, __version__, task
from flowkit.client.documents.runs import Runs
from flowkit.dashboard.app import ENDPOINTS
from flowkit.dashboard.endpoint import ROOT, BadParameter, Parameter, read_query
from flowkit.dashboard.openapi import openapi_document


@task
def one() -> int:
    return 1


def submitted(system: Client, name: str = "etl") -> str:
    dag = DAG(name)
    dag.add(one)
    return system.submit(dag).run_id


def test_runs_are_listed_as_on_the_command_line(browser: TestClient, system: Client) -> None:
    ids = [submitted(system) for _ in range(3)]
    document = browser.get(ROOT + "/runs", params={"limit": 2}).json()
    assert len({run["run_id"] for run in document["items"]} & set(ids)) == 2
    assert document["more"] is True
    assert document.pop("schema") == Runs.SCHEMA
    assert list(misfits(document, Runs)) == []


def test_runs_are_filtered(browser: TestClient, system: Client) -> None:
    wanted = submitted(system, "other")
    submitted(system)
    for query in ({"dag": "other"}, {"dag": "other", "state": "running", "since": "60"}):
        document = browser.get(ROOT + "/runs", params=query).json()
        assert [run["run_id"] for run in document["items"]] == [wanted]
    assert browser.get(ROOT + "/runs", params={"state": "failed"}).json()["items"] == []
    assert browser.get(ROOT + "/run-counts", params={"q": "OTH"}).json()["states"] == {"running": 1}
    assert browser.get(ROOT + "/runs", params={"param": ["n=1", "m=2"]}).json()["items"] == []


def test_a_page_names_the_next(browser: TestClient, system: Client) -> None:
    ids = {submitted(system) for _ in range(3)}
    first = browser.get(ROOT + "/runs", params={"limit": 2}).json()
    query = {"limit": 2, "before": first["next"]}
    second = browser.get(ROOT + "/runs", params=query).json()
    assert {run["run_id"] for run in first["items"] + second["items"]} == ids
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "'limit' must be a number from 1 to 1,000"),
        ("limit=1e2", "'limit' must be a number"),
        ("limit=" + "9" * 5000, "at most 1,000 characters"),
        ("limit=1&limit=2", "'limit' must be given once"),
        ("since=nan", "'since' must be a number"),
        ("state=lost", "must be one of running, succeeded, failed, cancelled"),
        ("children=yes", "'children' must be true or false"),
        ("before=x", "must be `next` of a list of runs"),
        ("q=" + "x" * 201, "at most 200 characters"),
        ("param=n", "must be NAME=VALUE"),
        ("stats=1", "there is no parameter 'stats'"),
    ],
)
def test_what_does_not_fit_is_refused(browser: TestClient, query: str, words: str) -> None:
    answer = browser.get(f"{ROOT}/runs?{query}")
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    assert answer.json()["schema"] == "flowkit/error/1"


def test_an_address_without_anything_is_an_error_document(browser: TestClient) -> None:
    answer = browser.get(ROOT + "/nothing")
    assert (answer.status_code, answer.json()["type"]) == (404, "NotFound")


def test_a_parameter_may_be_a_list() -> None:
    parameter = Parameter("task", "Tasks.", "texts")
    assert read_query([parameter], {"task": ["a", "b"]}) == {"task": ["a", "b"]}
    assert read_query([parameter], {}) == {"task": None}
    with pytest.raises(BadParameter, match="at most"):
        read_query([parameter], {"task": ["a" * 2000]})


def test_the_description_has_every_endpoint_and_every_field(browser: TestClient) -> None:
    description = browser.get(ROOT + "/openapi.json").json()
    assert description == openapi_document(ENDPOINTS, __version__)
    assert set(description["paths"]) == {
        endpoint.path.replace(":path", "") for endpoint in ENDPOINTS
    }
    schemas = description["components"]["schemas"]
    assert schemas["Runs"]["properties"]["schema"] == {"const": "flowkit/runs/1"}
    assert set(schemas["RunEntry"]["required"]) >= {"run_id", "state", "counts"}
    for schema in schemas.values():
        assert schema["properties"], schema


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_a_stream_is_compressed_for_who_accepts_it(browser: TestClient, accepted: str) -> None:
    address = f"{ROOT}/live/runs/nothing"
    answer = browser.get(address, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding", "identity") == accepted
    assert answer.headers["vary"] == "Accept-Encoding"
    assert '"gone":' in answer.text, "the stream of a run that does not exist ends"
