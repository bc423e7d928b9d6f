"""One run in the API: its header and columns, what changes in them, its graph, and its actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pytest
from here import BASE, Browser
from json_schema import misfits
from starlette.testclient import TestClient
from whole_run import WholeRun

from flowkit import DAG, Client, RunHandle, current_attempt, task
from flowkit.client.documents.columns import Items, RunColumns, RunHeader
from flowkit.client.documents.document import Document
from flowkit.client.documents.make_header import WHY_S, Headers
from flowkit.client.documents.plan import GraphPlan
from flowkit.client.status import RunStatus
from flowkit.clock import FakeClock
from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.app import build_app
from flowkit.dashboard.endpoint import ROOT
from flowkit.dashboard.live.run_source import RunSource, changed_tasks
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RunNotFound

RUN = ROOT + "/runs/r1"


@task
def files(n: int) -> list[int]:
    return list(range(n))


@task
def parse(number: int) -> int:
    if number == 2:
        raise ValueError("bad <b>header</b>")
    return number


@task
def merge(numbers: list[int]) -> int:
    return len(numbers)


@task
def tidy() -> None:
    return None


@task
def gather(*parts: None) -> int:
    return len(parts)


def mapped_dag() -> DAG:
    with DAG("etl") as dag:
        merged = files.bind("files", n=4) >> parse.map() >> merge
        dag.add(tidy)
        tidy.after(merged)
    return dag


@pytest.fixture
def run(fake_server: EmbeddedServer, namespace: str) -> Iterator[WholeRun]:
    whole = WholeRun(fake_server.url, namespace, mapped_dag(), params={"day": "monday"})
    yield whole
    whole.link.close()


def document(browser: TestClient, path: str, kind: type[Document], **query: Any) -> dict[str, Any]:
    """Return a document of the API, which must fit its description."""
    answer = browser.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found.pop("schema") == kind.SCHEMA
    assert list(misfits(found, kind)) == []
    return found


def followed(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the columns of a page that has heard all this."""
    columns: dict[str, Any] = {}
    for event in told:
        columns.update(event.get("columns", {}))
        for number, *pairs in event.get("tasks", ()):
            for name, value in zip(pairs[::2], pairs[1::2], strict=True):
                column = list(columns[name])
                column[number] = value
                columns[name] = "".join(column) if name == "states" else column
        columns |= {name: event[name] for name in columns.keys() & event.keys()}
    return columns


# -- documents ------------------------------------------------------------------------------------


@dataclass
class Day:
    name: str

    def __new__(cls, *args: object) -> Day:
        BUILT.append(cls.__name__)
        return super().__new__(cls)


BUILT: list[str] = []


def test_parameters_are_shown_without_their_classes(
    browser: TestClient, fake_server: EmbeddedServer, namespace: str
) -> None:
    run = WholeRun(fake_server.url, namespace, mapped_dag(), params={"day": Day("monday")})
    BUILT.clear()
    header = document(browser, RUN, RunHeader)
    run.close()
    assert "monday" in str(header["params"]["day"])
    assert BUILT == []


def test_a_run_that_has_failed(browser: TestClient, run: WholeRun) -> None:
    run.finish()
    columns = document(browser, RUN + "/columns", RunColumns)
    assert columns["names"] == ["files", "parse", "merge", "tidy"]
    assert columns["states"] == "sfuu"
    assert columns["attempts"] == [1, 0, 0, 0]
    assert [took is not None for took in columns["took"]] == [True, False, False, False]
    assert columns["workers"] == ["W.0"]
    assert columns["lanes"] == [0, -1, -1, -1]
    assert columns["items"] == {"1": {"succeeded": 3, "failed": 1}}
    assert "bad <b>header</b>" in columns["errors"]["1"]
    assert list(accumulate(columns["edges"][::2])) == [0, 1]
    assert list(accumulate(columns["edges"][1::2])) == [1, 2]
    assert columns["order"] == [2, 3]
    header = document(browser, RUN, RunHeader)
    assert header["params"] == {"day": "monday"}
    assert header["status"]["state"] == "failed"
    assert header["status"]["tasks"] is None
    assert "parse[2]" in header["why"]["sentence"]
    assert header["why"]["command"] == "flowkit resume r1"
    assert header["why"]["failure"]["task"] == "parse[2]"
    assert header["left"] is None


def test_items_are_read_in_parts(browser: TestClient, run: WholeRun) -> None:
    run.finish()
    first = document(browser, RUN + "/items", Items, task="parse", limit=3)
    rest = document(browser, RUN + "/items", Items, task="parse", limit=3, start=3)
    assert [item["name"] for item in (*first["items"], *rest["items"])] == [
        f"parse[{index}]" for index in range(4)
    ]
    assert (first["more"], rest["more"]) == (True, False)
    failed = document(browser, RUN + "/items", Items, task="parse", state="failed")
    assert [item["name"] for item in failed["items"]] == ["parse[2]"]
    assert document(browser, RUN + "/items", Items, task="parse", start=99)["items"] == []


@task(retries=1, delay=0)
def stumble(number: int) -> int:
    if number == 2 and current_attempt().attempt == 1:
        raise ConnectionError
    return number


def test_retried_items_are_counted_and_found(
    browser: TestClient, fake_server: EmbeddedServer, namespace: str
) -> None:
    with DAG("etl") as dag:
        files.bind("files", n=4) >> stumble.map()
    run = WholeRun(fake_server.url, namespace, dag)
    while run.turn() or run.state == "running":
        run.resolver._store.promote(10)
    assert document(browser, RUN + "/columns", RunColumns)["retried"] == {"1": 1}
    items = document(browser, RUN + "/items", Items, task="stumble", retried="true")["items"]
    assert [(item["name"], item["attempt"]) for item in items] == [("stumble[2]", 2)]
    run.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs/none", 404),
        ("/runs/not%20an%20id/columns", 404),
        ("/runs/r1/items", 400),
        ("/runs/r1/items?task=files", 400),
        ("/runs/r1/items?task=lost", 404),
        ("/runs/r1/items?task=parse&start=-1", 400),
    ],
)
def test_what_is_not_there(browser: TestClient, run: WholeRun, path: str, status: int) -> None:
    assert browser.get(ROOT + path).status_code == status


def test_the_plan_of_a_graph_has_a_place_for_each_task(browser: TestClient, run: WholeRun) -> None:
    plan = document(browser, RUN + "/graph", GraphPlan)
    assert [box["tasks"] for box in plan["boxes"]] == [[0], [1], [2], [3]]
    assert [box["title"] for box in plan["boxes"]] == ["files", "parse[]", "merge", "tidy"]
    assert (plan["passing"], plan["collapsed"], plan["too_large"]) == (2, False, False)
    lefts = [box["at"][0] for box in plan["boxes"]]
    assert lefts == sorted(set(lefts))
    for box in plan["boxes"]:
        left, top, width, height = box["at"]
        assert left >= 0
        assert top >= 0
        assert left + width <= plan["width"]
        assert top + height <= plan["height"]
    assert [len(line) >= 4 for line in plan["lines"]] == [True] * 3


def test_similar_tasks_of_a_large_graph_share_a_box(browser: TestClient, system: Client) -> None:
    with DAG("wide") as dag:
        [tidy.bind(f"part_{number}") for number in range(400)] >> gather
    run = system.submit(dag).run_id
    plan = document(browser, f"{ROOT}/runs/{run}/graph", GraphPlan)
    assert sorted(len(box["tasks"]) for box in plan["boxes"]) == [1, 400]
    whole = document(browser, f"{ROOT}/runs/{run}/graph", GraphPlan, collapse="false")
    assert len(whole["boxes"]) == 401


# -- live -----------------------------------------------------------------------------------------


def test_a_page_that_hears_each_change_knows_the_run(system: Client, run: WholeRun) -> None:
    source, told, state = RunSource(lambda: system.run("r1"), share=0), [], None
    while run.state == "running":
        now = source.read(state)
        if now is not state:
            told.append(source.whole(now) if state is None else source.change(state, now))
        state = now
        run.turn(1)
    run.finish()
    last = source.read(state)
    told.append(source.change(state, last))
    assert len(told) > 4
    assert all("columns" not in event for event in told[1:])
    assert followed(told) == dict(last.columns)
    assert last.columns["states"] == "sfcc"
    assert last.header["status"]["state"] == "failed"


def test_only_the_record_is_read_while_nothing_moves(
    system: Client, run: WholeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings: list[str] = []
    status = RunHandle.status

    def counted(handle: RunHandle) -> RunStatus:
        readings.append(handle.run_id)
        return status(handle)

    monkeypatch.setattr(RunHandle, "status", counted)
    unseen = system.submit(mapped_dag(), run_id="unseen")
    source = RunSource(lambda: unseen, share=0)
    state = source.read(None)
    assert source.read(state) is state  # no scheduler has seen it: all tasks are pending
    assert readings == ["unseen"]
    source = RunSource(lambda: system.run("r1"), share=0)
    queued = source.read(None)
    assert source.read(queued) is queued
    assert readings == ["unseen", "r1", "r1"]  # a worker can claim its task at any time
    run.finish()
    over = source.read(queued)
    assert source.read(over) is over
    assert readings == ["unseen", "r1", "r1", "r1"]


def test_a_run_that_stands_still_is_explained_again(system: Client) -> None:
    clock = FakeClock()
    unseen = system.submit(mapped_dag(), run_id="unseen")
    headers = Headers(unseen, clock)
    first = headers.of(unseen.status())
    assert "cheduler" in first.why.sentence
    assert headers.of(unseen.status()).why is first.why
    assert not headers.is_old
    clock.advance(WHY_S)
    assert headers.is_old
    again = headers.of(unseen.status())
    assert again.why is not first.why
    assert not headers.is_old


def test_the_header_counts_between_two_readings_of_all_tasks(system: Client, run: WholeRun) -> None:
    source = RunSource(lambda: system.run("r1"), share=1e9)
    state = source.read(None)
    assert source.read(state) is state  # the scheduler has not counted yet
    run.turn()
    run.link.call("HSET", run.keys.run("r1"), "counts", "succeeded=1 queued=4 pending=2")
    counted = source.read(state)
    assert counted.columns is state.columns
    assert source.change(state, counted).keys() == {"header"}
    assert counted.header["status"]["counts"] == {"succeeded": 1, "queued": 4, "pending": 2}
    assert source.read(counted) is counted
    run.finish()
    over = source.read(counted)  # the end is read at once
    assert over.columns["states"] == "sfuu"


def test_a_run_that_is_deleted_is_gone(system: Client, run: WholeRun) -> None:
    source = RunSource(lambda: system.run("r1"), share=0)
    run.finish()
    state = source.read(None)
    system.run("r1").delete()
    with pytest.raises(RunNotFound):
        source.read(state)


def test_changes_name_the_fields_that_differ() -> None:
    fields = ("states", "attempts", "queued", "waited", "took", "lanes")
    before = {name: [0, 0, 0] for name in fields} | {"states": "ppp"}
    now = before | {"states": "psp", "took": [5, 7, 0]}
    assert changed_tasks(before, now) == [[0, "took", 5], [1, "states", "s", "took", 7]]
    assert changed_tasks(now, now) == []


# -- actions --------------------------------------------------------------------------------------


@pytest.fixture
def headers(browser: TestClient) -> dict[str, str]:
    return {"X-Flowkit-CSRF": browser.get(ROOT + "/session").json()["csrf"]}


def test_a_run_is_resumed_retried_cancelled_and_deleted(
    browser: TestClient, headers: dict[str, str], run: WholeRun
) -> None:
    run.finish()
    for path, body in [("/resume", {}), ("/retry", {"tasks": ["parse[2]"]}), ("/retry", {})]:
        answer = browser.post(RUN + path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert run.finish() == "failed"
    assert answer.json() | {"schema": ""} == {
        "schema": "",
        "run_id": "r1",
        "tasks": ["parse[2]"],
        "resumed": True,
    }
    again = browser.post(RUN + "/resume", json={"from_task": ["files"]}, headers=headers)
    assert again.json()["state"] == "running"
    refused = browser.delete(RUN, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (409, "RunNotOver")
    assert browser.post(RUN + "/cancel", headers=headers).status_code == 200
    assert run.finish() == "cancelled"
    assert browser.post(RUN + "/cancel", headers=headers).status_code == 409
    deleted = browser.delete(RUN, headers=headers)
    assert deleted.json()["items"] == [{"run_id": "r1", "outcome": "deleted"}]
    assert browser.get(RUN).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/retry", {"tasks": "parse"}),
        ("/retry", {"tasks": [1]}),
        ("/retry", {"task": ["parse"]}),
        ("/resume", {"from_task": {}}),
        ("/cancel", {"now": True}),
        ("/retry", [1]),
    ],
)
def test_a_body_that_does_not_fit_does_nothing(
    browser: TestClient, headers: dict[str, str], run: WholeRun, path: str, body: Any
) -> None:
    answer = browser.post(RUN + path, json=body, headers=headers)
    assert (answer.status_code, run.state) == (400, "running")


def test_actions_need_the_right_to_act(
    browser: TestClient, run: WholeRun, system: Client, access: TokenAccess
) -> None:
    assert browser.post(RUN + "/cancel").status_code == 403
    with Browser(build_app(system, None, access), access, base_url=BASE) as looker:
        looker.get("/", params={"token": access.token})
        csrf = looker.get(ROOT + "/session").json()["csrf"]
        answer = looker.request("DELETE", RUN, headers={"X-Flowkit-CSRF": csrf})
    assert (answer.status_code, answer.json()["type"]) == (403, "ReadOnly")
    assert run.state == "running"
