"""The filters of the list of runs in the page: as the API takes them, as a command, in words."""

from __future__ import annotations

import shlex
from typing import Any

import click
import pytest
from javascript import Modules

from flowkit import cli
from flowkit.dashboard.endpoint import read_body
from flowkit.dashboard.endpoints.many_runs import ENDPOINTS

GET = "((given) => filtersOf((name) => given[name] ?? ''))"
SEARCH = {"dag": "-a b", "q": "it's", "param": "day=a=b", "since": "7200", "until": "90"}


@pytest.fixture(scope="module")
def page() -> Modules:
    return Modules("run_filters.js")


@pytest.mark.parametrize(
    ("address", "filters"),
    [
        ({}, {"everything": True}),
        ({"children": "true"}, {"everything": True, "children": True}),
        ({"before": "5,r", "limit": "9"}, {"everything": True}),
        ({"state": "failed", "children": ""}, {"state": "failed"}),
        (
            SEARCH,
            {"dag": "-a b", "q": "it's", "params": {"day": "a=b"}, "since": 7200, "until": 90},
        ),
    ],
)
def test_filters_are_those_of_the_address(
    page: Modules, address: dict[str, str], filters: dict[str, Any]
) -> None:
    assert page.call(GET, address) == filters
    for endpoint in ENDPOINTS:
        if "state" not in filters or endpoint.path != "/runs/cancel":
            read_body(endpoint.body, filters)


def test_a_filter_that_does_not_fit_is_not_lost(page: Modules) -> None:
    assert page.call(GET, {"since": "1e9x", "dag": "etl"}) == {"dag": "etl", "since": "1e9x"}
    assert page.call(GET, {"param": "day"})["params"] == {"day": ""}


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ("", ["cancel", "resume", "delete"]),
        ("running", ["cancel"]),
        ("failed", ["resume", "delete"]),
        ("succeeded", ["delete"]),
    ],
)
def test_actions_fit_the_state(page: Modules, state: str, actions: list[str]) -> None:
    assert page.call("actionsFor", state) == actions


@pytest.mark.parametrize(
    ("action", "address", "command"),
    [
        ("cancel", {}, "flowkit cancel --all"),
        ("cancel", {"state": "running"}, "flowkit cancel --all"),
        ("resume", {"state": "failed"}, "flowkit resume --state failed"),
        ("resume", {"children": "true"}, "flowkit resume --children --all"),
        ("delete", {"dag": "etl"}, "flowkit purge --older-than 0 --dag etl --no-children"),
        (
            "delete",
            {"state": "failed", "children": "true"},
            "flowkit purge --older-than 0 --state failed",
        ),
        ("cancel", {"since": "5400"}, "flowkit cancel --since 90m"),
    ],
)
def test_a_command_does_the_same(
    page: Modules, action: str, address: dict[str, str], command: str
) -> None:
    assert page.call("commandFor", action, page.call(GET, address)) == command


@pytest.mark.parametrize("action", ["cancel", "resume", "delete"])
def test_commands_are_read_as_they_are_meant(page: Modules, action: str) -> None:
    line = page.call("commandFor", action, page.call(GET, SEARCH))
    _, name, *words = shlex.split(line)
    with click.Context(cli.main) as context:
        command = cli.main.get_command(context, name)
        assert command is not None
        given = command.make_context(name, words, parent=context).params
    assert (given["dag"], given["text"], given["params"]) == ("-a b", "it's", {"day": "a=b"})
    assert (given["since"], given["until"]) == (7200, 90)


def test_a_plan_says_what_and_how_many(page: Modules) -> None:
    items = [{"state": "failed", "dag": f"d{at % 7}"} for at in range(700)]
    plan = {"items": items, "memory": None, "more": True, "matching": 952, "cut_short": False}
    states, dags, more = page.call("planInWords", "resume", plan)
    assert states == "700 failed."
    assert dags.startswith("DAGs: d0 (100)")
    assert dags.endswith(" and 2 others.")
    assert more.startswith("952 runs match: these are the newest 700.")
    plan |= {"items": items[:1], "memory": 2048, "more": False}
    assert page.call("planInWords", "delete", plan)[1:] == [
        "DAG: d0 (1).",
        "They take about 2.0 KiB.",
    ]


def test_an_outcome_says_what_runs_became(page: Modules) -> None:
    outcomes = {"cancelled": 2, "over": 1, "missing": 3, "refused": 1}
    assert page.call("outcomeInWords", "cancel", outcomes) == [
        "2 runs are being cancelled.",
        "1 run had ended in the meantime.",
        "3 runs had been deleted in the meantime.",
        "1 run could not be changed:",
    ]
    assert page.call("outcomeInWords", "delete", {}) == ["Deleted 0 runs."]


def test_filters_are_told(page: Modules) -> None:
    text = page.call("inWords", page.call(GET, {"dag": "etl", "since": "3600"}))
    assert text.startswith("Filters: DAG etl, submitted within 1h; without child runs")
    assert page.call("inWords", {"everything": True}).startswith("Filters: none, so all runs;")
