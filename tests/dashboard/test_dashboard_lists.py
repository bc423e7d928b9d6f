"""DAGs, workers, queues, findings and dead letters of the API, and the depths of queues."""

from __future__ import annotations

from typing import Any

import ended_runs
import pytest
from json_schema import misfits
from starlette.testclient import TestClient

from flowkit import Client
from flowkit.client.documents.dags import DAGs, TaskActivities
from flowkit.client.documents.doctor import Doctor
from flowkit.client.documents.document import Document
from flowkit.client.documents.queues import QueueEntry, Queues
from flowkit.client.documents.system import Letters, Usage, Workers
from flowkit.clock import SystemClock
from flowkit.dashboard.access import CSRF_HEADER
from flowkit.dashboard.endpoint import ROOT
from flowkit.dashboard.live import depths
from flowkit.dashboard.live.depths import QueueSource


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/dags", DAGs),
        ("/task-activity/old", TaskActivities),
        ("/workers", Workers),
        ("/queues", Queues),
        ("/doctor?seconds=0", Doctor),
        ("/usage", Usage),
        ("/dead", Letters),
    ],
)
def test_each_list_is_its_document(
    browser: TestClient, system: Client, path: str, schema: type[Document]
) -> None:
    run = system.submit(ended_runs.dag("old")).run_id
    ended_runs.finish(system, run)
    document = browser.get(ROOT + path).json()
    assert document.pop("schema") == schema.SCHEMA
    assert list(misfits(document, schema)) == []


def test_the_name_of_a_dag_may_have_any_characters(browser: TestClient, system: Client) -> None:
    name = "a/b ?<b>"
    ended_runs.finish(system, system.submit(ended_runs.dag(name)).run_id)
    document = browser.get(ROOT + "/task-activity/a%2Fb%20%3F%3Cb%3E").json()
    assert (document["dag"], [item["task"] for item in document["items"]]) == (name, ["work"])


def failed_run(system: Client) -> str:
    run = system.submit(ended_runs.dag("bad")).run_id
    ended_runs.finish(system, run, "failed")
    with system.run(run).shard.store() as store:
        store.link.call("HSET", store.keys.tasks(run), 0, "F1,W.0,0,0,5")
        store.link.call("ZADD", store.keys.dead(), store.redis_now_ms(), f"{run},0")
    return run


def acting(browser: TestClient) -> dict[str, str]:
    return {CSRF_HEADER: browser.get(ROOT + "/session").json()["csrf"]}


def test_dead_letters_are_retried_together(browser: TestClient, system: Client) -> None:
    run = failed_run(system)
    (letter,) = browser.get(ROOT + "/dead").json()["items"]
    assert (letter["run_id"], letter["task"]) == (run, "work")
    body = {"runs": {run: ["work"], "no-such-run": []}}
    answer = browser.post(ROOT + "/dead/retry", json=body, headers=acting(browser)).json()
    assert answer["runs"] == [run]
    assert [item["name"] for item in answer["refused"]] == ["no-such-run"]
    assert system.run(run).record().state == "running"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"runs": {}},
        {"runs": []},
        {"runs": {"r": "t"}},
        {"runs": {"r": [1]}},
        {"runs": {"r": []}, "x": 1},
        {"runs": {str(number): [] for number in range(501)}},
    ],
)
def test_what_is_no_list_of_tasks_is_refused(browser: TestClient, body: dict[str, Any]) -> None:
    answer = browser.post(ROOT + "/dead/retry", json=body, headers=acting(browser))
    assert answer.status_code == 400


def entry(name: str, waiting: int) -> QueueEntry:
    return QueueEntry(
        queue=name, waiting=waiting, levels={}, oldest=None, oldest_seconds=None, delayed=0,
        unserved=[], workers=0, processes=0, busy=None, busy_async=None, per_minute=None,
        mean_seconds=None, problem="",
    )  # fmt: skip


class Hand(SystemClock):
    """A clock that is moved by hand."""

    now = 1000.0

    def wall(self) -> float:
        return self.now


def test_depths_are_kept_while_a_page_watches() -> None:
    clock, waiting = Hand(), {"a": 1, "b": 5}

    def read() -> Queues:
        items = [entry(name, number) for name, number in waiting.items()]
        return Queues(items=items, damaged=[], matching=2, more=False, cut_short=False)

    source = QueueSource(read, clock)
    first = source.read(None)
    assert source.read(first) is first
    waiting["a"] = 3
    second = source.read(first)
    assert source.change(first, second)["schema"] == Queues.SCHEMA  # it is not yet time
    clock.now += depths.POINT_S
    del waiting["b"]
    third = source.read(second)
    told = source.change(second, third)
    assert told["times"] == [1000.0, 1000.0 + depths.POINT_S]
    assert told["depths"] == {"b": [5, None], "a": [1, 3]}
    for _ in range(depths.KEPT):
        clock.now += depths.POINT_S
        third = source.read(third)
    assert len(source.whole(third)["times"]) == depths.KEPT
    assert set(source.whole(third)["depths"]) == {"a"}
