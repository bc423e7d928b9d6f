"""Cancel, resume and purge of all runs that match, through the API."""

from __future__ import annotations

from typing import Any

import ended_runs
import pytest
from here import BASE, Browser
from json_schema import misfits
from starlette.testclient import TestClient

from flowkit import Client
from flowkit.client.documents.run_changes import ChangedRuns
from flowkit.dashboard.access import CSRF_HEADER, TokenAccess
from flowkit.dashboard.app import build_app
from flowkit.dashboard.endpoint import ROOT


def submit(system: Client, name: str = "etl", state: str = "", **options: Any) -> str:
    run = system.submit(ended_runs.dag(name), **options).run_id
    return ended_runs.finish(system, run, state) if state else run


def act(browser: TestClient, action: str, status: int = 200, **body: Any) -> dict[str, Any]:
    headers = {CSRF_HEADER: browser.get(ROOT + "/session").json()["csrf"]}
    answer = browser.post(f"{ROOT}/runs/{action}", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    if status == 200:
        assert document.pop("schema") == ChangedRuns.SCHEMA
        assert list(misfits(document, ChangedRuns)) == []
    return document


def ids(document: dict[str, Any]) -> set[str]:
    return {item["run_id"] for item in document["items"]}


def test_what_was_shown_is_cancelled(browser: TestClient, system: Client) -> None:
    runs, other = {submit(system), submit(system)}, submit(system, "other")
    plan = act(browser, "cancel", dag="etl", dry_run=True)
    assert (ids(plan), plan["matching"], plan["outcomes"]) == (runs, 2, {})
    late = submit(system)
    ended = min(runs)
    ended_runs.finish(system, ended)
    done = act(browser, "cancel", runs=[item["run_id"] for item in plan["items"]])
    assert done["outcomes"] == {"over": 1, "cancelled": 1}
    assert system.run(max(runs)).record().stopping
    assert not system.run(late).record().stopping
    rest = act(browser, "cancel", q="etl", since=60, limit=1)
    assert (ids(rest), rest["outcomes"]) == ({late}, {"cancelled": 1})
    assert not system.run(other).record().stopping


def test_failed_runs_are_resumed(browser: TestClient, system: Client) -> None:
    failed = submit(system, state="failed", params={"text": "a"})
    submit(system, state="failed")
    done = act(browser, "resume", params={"text": "a"}, state="failed")
    assert (ids(done), done["items"][0]["outcome"]) == ({failed}, "resumed")


def test_a_purge_says_how_many_there_are(browser: TestClient, system: Client) -> None:
    runs = [submit(system, state="failed") for _ in range(3)]
    running = submit(system)
    plan = act(browser, "purge", everything=True, limit=2, dry_run=True)
    assert (len(plan["items"]), plan["matching"], plan["more"]) == (2, 3, True)
    done = act(browser, "purge", runs=[*runs[:1], running])
    assert done["outcomes"] == {"deleted": 1, "refused": 1}
    assert act(browser, "purge", dag="etl", older_than=60)["items"] == []
    assert act(browser, "purge", dag="etl")["outcomes"] == {"deleted": 2}
    assert {record.run for record in system.runs()} == {running}


@pytest.mark.parametrize(
    ("action", "body", "words"),
    [
        ("cancel", {}, "does not say which runs"),
        ("purge", {"children": True, "older_than": 0}, "does not say which runs"),
        ("cancel", {"dag": "", "params": {}, "runs": []}, "does not say which runs"),
        ("cancel", {"dag": None, "everything": False}, "does not say which runs"),
        ("cancel", {"runs": ["r"], "dag": "etl"}, "'runs' alone"),
        ("resume", {"runs": ["r"], "dry_run": True}, "'runs' alone"),
        ("cancel", {"runs": ["../x"]}, "is not the id of a run"),
        ("cancel", {"runs": ["r"] * 1001}, "'runs' in the body must be a list of 0 to 1,000"),
        ("cancel", {"state": "failed"}, "must be one of running"),
        ("resume", {"state": "running"}, "must be one of failed, cancelled"),
        ("cancel", {"dag": "etl", "limit": 1001}, "from 1 to 1,000"),
        ("cancel", {"since": None, "until": "1h"}, "'until' in the body must be a number"),
        ("cancel", {"since": 1e9}, "'since' in the body must be a number"),
        ("cancel", {"q": "x" * 201}, "at most 200"),
        ("cancel", {"dag": "etl", "older_than": 5}, "the body has 'older_than'"),
    ],
)
def test_what_does_not_say_which_runs_is_refused(
    browser: TestClient, system: Client, action: str, body: dict[str, Any], words: str
) -> None:
    run = submit(system)
    assert words in act(browser, action, 400, **body)["message"]
    assert not system.run(run).record().stopping


def test_a_page_that_only_looks_cannot_even_ask(system: Client, access: TokenAccess) -> None:
    run = submit(system)
    with Browser(build_app(system, None, access), access, base_url=BASE) as browser:
        browser.get("/", params={"token": access.token})
        for action in ("cancel", "resume", "purge"):
            act(browser, action, 403, everything=True)
    assert not system.run(run).record().stopping
