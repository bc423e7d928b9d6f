"""The API answers with documents, and refuses what does not fit with a sentence."""

from __future__ import annotations

import pytest
from json_schema import misfits
from starlette.testclient import TestClient

from flowkit import DAG, Client, __version__, task
from flowkit.client.documents.runs import Runs
from flowkit.dashboard.app import ENDPOINTS
from flowkit.dashboard.endpoint import ROOT, BadParameter, Field, Parameter, read_body, read_query
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
        ("since=400000000", "'since' must be a number from 0 to 315,360,000"),
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


FIELDS = (
    Field("dag", "A name.", most=5),
    Field("state", "States.", "texts", most=2, choices=("failed", "cancelled")),
    Field("since", "Seconds.", "seconds", least=0, most=10),
    Field("limit", "How many.", "number", 7, least=1, most=10),
    Field("dry_run", "Only tell.", "flag", default=False),
    Field("params", "Texts.", "text by name", most=2),
    Field("runs", "Tasks by run.", "texts by name", most=2),
)


def test_a_body_is_read_field_by_field() -> None:
    none = dict.fromkeys(("dag", "state", "since", "params", "runs"))
    assert read_body(FIELDS, {"dag": None}) == {**none, "limit": 7, "dry_run": False}
    whole = {
        "dag": "etl", "state": ["failed"], "since": 0.5, "limit": 1, "dry_run": True,
        "params": {"n": "1"}, "runs": {"r": ["t"], "s": []},
    }  # fmt: skip
    assert read_body(FIELDS, whole) == whole
    with pytest.raises(BadParameter, match="the body lacks 'run': the id"):
        read_body([Field("run", "The id.", required=True)], {"run": None})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"DAG": "etl"}, "the body has 'DAG'; the fields that it may have: dag, dry_run"),
        ({"dag": "longer"}, "'dag' in the body must be a text of at most 5 characters"),
        ({"dag": "\ud800"}, "must be a text"),
        ({"dag": ["etl"]}, "must be a text"),
        ({"state": "failed"}, "a list of 0 to 2 texts, each one of failed, cancelled"),
        ({"state": ["failed"] * 3}, "a list of 0 to 2 texts"),
        ({"state": ["lost"]}, "one of failed, cancelled"),
        ({"since": True}, "must be a number from 0 to 10"),
        ({"since": float("nan")}, "must be a number from 0 to 10"),
        ({"limit": 1.5}, "must be a whole number from 1 to 10"),
        ({"limit": 10**400}, "must be a whole number"),
        ({"dry_run": 0}, "must be true or false"),
        ({"params": {"n": 1}}, "an object of 0 to 2 texts by name"),
        ({"params": {"\udfff": "1"}}, "an object of 0 to 2 texts by name"),
        ({"runs": {"r": "t"}}, "an object of 0 to 2 lists of texts by name"),
        ({"runs": {"a": [], "b": [], "c": []}}, "an object of 0 to 2 lists"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(body: dict[str, object], words: str) -> None:
    with pytest.raises(BadParameter) as refused:
        read_body(FIELDS, body)
    assert words in str(refused.value)


def test_the_description_has_the_bodies_of_actions(browser: TestClient) -> None:
    paths = browser.get(ROOT + "/openapi.json").json()["paths"]
    body = paths["/dead/retry"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert (body["required"], schema["required"]) == (True, ["runs"])
    assert schema["properties"]["runs"]["maxProperties"] == 500
    empty = paths["/runs/{run}/cancel"]["post"]["requestBody"]["content"]["application/json"]
    assert empty["schema"]["properties"] == {}
    assert "requestBody" not in paths["/runs"]["get"]


def test_the_description_has_every_endpoint_and_every_field(browser: TestClient) -> None:
    description = browser.get(ROOT + "/openapi.json").json()
    assert description == openapi_document(ENDPOINTS, __version__)
    paths = {endpoint.path.replace(":path", "") for endpoint in ENDPOINTS}
    assert set(description["paths"]) == {*paths, "/session"}
    for path in description["paths"].values():
        for operation in path.values():
            assert {"200", "400", "401", "404", "503"} <= set(operation["responses"])
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
