"""``flowkit cancel`` and ``flowkit resume`` with filters: all runs that match."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from console import Run
from ended_runs import dag, finish
from json_schema import valid_document

from flowkit import Client
from flowkit.embedded import EmbeddedServer

SCHEMA = "flowkit/changed-runs/1"


@pytest.fixture
def client(fake_server: EmbeddedServer, namespace: str) -> Iterator[Client]:
    with Client.connect(fake_server.url, namespace) as result:
        yield result


@pytest.fixture
def ask(flowkit: Run, client: Client) -> Run:
    """The command, talking to the store of this test."""
    where = {
        "FLOWKIT_REDIS_URL": client.settings.redis_url or "",
        "FLOWKIT_NAMESPACE": client.settings.namespace,
    }
    return lambda *words, **more: flowkit(*words, **where, **more)


def submit(client: Client, name: str = "etl", **options: Any) -> str:
    run = f"{name}-{uuid.uuid4().hex[:6]}"
    return client.submit(dag(name), run_id=run, **options).run_id


@pytest.mark.promise("sight-19")
def test_runs_that_match_are_cancelled_after_a_confirmation(ask: Run, client: Client) -> None:
    runs = [submit(client), submit(client)]
    other = submit(client, "other")
    shown = ask("cancel", "--dag", "etl", "--dry-run")
    assert (shown.returncode, shown.stdout) == (
        0,
        "2 runs to cancel: 2 running.\n         2  etl\n",
    )
    refused = ask("cancel", "--dag", "etl")
    assert refused.returncode == 2
    assert "To cancel 2 runs without a confirmation, give --yes" in refused.stderr
    assert {client.run(run).record().stopping for run in runs} == {False}
    done = ask("cancel", "--dag", "etl", "--yes")
    assert done.stdout.splitlines()[-1] == "2 runs are being cancelled."
    assert {client.run(run).record().stopping for run in runs} == {True}
    assert not client.run(other).record().stopping
    nothing = ask("cancel", "--dag", "etl", "--yes")
    assert (nothing.returncode, nothing.stderr) == (0, "No running run matches.\n")


def test_a_document_says_what_became_of_each(ask: Run, client: Client) -> None:
    failed = finish(client, submit(client), "failed")
    finish(client, submit(client), "cancelled")
    words = ("resume", "--all", "--state", "failed", "--json")
    planned = valid_document(ask(*words, "--dry-run").stdout, SCHEMA)
    assert (planned["dry_run"], planned["matching"], planned["outcomes"]) == (True, 1, {})
    done = valid_document(ask(*words, "--yes").stdout, SCHEMA)
    assert [(item["run_id"], item["outcome"]) for item in done["items"]] == [(failed, "resumed")]
    assert done["outcomes"] == {"resumed": 1}


def test_what_is_left_and_what_is_refused_is_told(ask: Run, client: Client) -> None:
    parent = submit(client, "outer")
    child = finish(client, submit(client), "failed")
    with client.run(child).shard.store() as store:
        store.link.call("HSET", store.keys.run(child), "parent", f"{parent},0,1,0")
    fine = finish(client, submit(client), "failed")
    done = ask("resume", "--text", "etl", "--children", "--yes")
    assert done.returncode == 4
    assert done.stdout.splitlines()[-1] == "Resumed 1 run."
    assert f"Error: run {child!r} was called by a task of run {parent!r}" in done.stderr
    assert client.run(fine).record().state == "running"
    left = ask("cancel", "--all", "--limit", "1", "--dry-run")
    assert (
        left.stderr == "The limit leaves out 1 more run. Run the command again, or raise --limit.\n"
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["cancel"], "Name a RUN, or say which runs with --dag, --text, --param, --since, --until"),
        (["cancel", "--yes"], "or --all for all of them"),
        (["cancel", "--children"], "or --all for all of them"),
        (["resume", "--dry-run"], "--until, --state, or --all"),
        (["cancel", "r", "--dag", "etl"], "Name a RUN, or give filters"),
        (["resume", "r", "--dry-run"], "Name a RUN, or give filters"),
        (["resume", "r", "--state", "failed"], "Name a RUN, or give filters"),
        (["cancel", "--all", "--wait"], "--wait is about one run"),
        (["resume", "--all", "--from-task", "t"], "--from-task is about one run"),
        (["cancel", "-p", "day"], "write NAME=VALUE."),
    ],
)
def test_what_does_not_say_which_runs_is_refused(ask: Run, words: list[str], text: str) -> None:
    refused = ask(*words)
    assert refused.returncode == 2
    assert text in " ".join(refused.stderr.split())


def test_a_purge_takes_the_filters(ask: Run, client: Client) -> None:
    kept, wanted = (finish(client, submit(client, params={"text": text})) for text in "ab")
    words = ("purge", "--older-than", "0", "-p", "text=b", "--since", "1h", "--no-children")
    assert ask(*words, "--yes").stdout.splitlines()[-1] == "Deleted 1 run."
    assert {record.run for record in client.runs()} == {kept}, wanted
    assert ask(*words).stderr == "There are no runs that ended and match.\n"
