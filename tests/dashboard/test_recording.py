"""A recording has a whole run within bounds, without secrets, and fits its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from json_schema import misfits
from whole_run import WholeRun

from flowkit import DAG, Client, task
from flowkit.basics.redaction import Redaction
from flowkit.client import recorded_values, recording
from flowkit.client.documents.recording import Recording
from flowkit.client.exporting import exported, recorded
from flowkit.embedded import EmbeddedServer
from flowkit.protocol.log_store import LogStore, NewChunk
from flowkit.settings import Settings

CALLS = count(1)
# Explanations have 1,000 characters of an error, without its middle. One of these is cut there.
LONG = " " + "".join(f"key={at}-" + "k3y" * 20 + " " for at in range(30))


@task
def load(size: int, token: str) -> dict[str, object]:
    return {"rows": list(range(size)), "token": token, "note": f"token={token}"}


@task
def numbers(loaded: dict[str, object]) -> list[int]:
    return [1, 2, 3]


@task
def halve(number: int) -> float:
    if number == 2:
        raise ValueError("no half of 2, token=s3cret" + LONG)
    return number / 2


@task(retries=2, delay=0.0)
def report(halves: list[float]) -> str:
    return "done"


@pytest.fixture
def run(fake_server: EmbeddedServer, namespace: str) -> Iterator[WholeRun]:
    with DAG("etl") as dag:
        load.bind("load", size=3) >> numbers >> halve.map(label="half of {number}") >> report
    whole = WholeRun(fake_server.url, namespace, dag, params={"token": "s3cret", "day": "Monday"})
    assert whole.finish() == "failed"
    printed(whole, "load", "begun with token=s3cret", "second line", "third line")
    printed(whole, "halve[1]", "now 2")
    yield whole
    whole.close()


def printed(whole: WholeRun, name: str, *lines: str, first: int = 1) -> None:
    store = LogStore(whole.link, whole.namespace, now_ms=lambda: 1_764_508_800_123)
    data = "".join(f"1764508800123 20o {line}\n" for line in lines).encode()
    chunk = NewChunk(whole.number(name), 1, first, len(lines), data)
    assert all(store.append_logs("r1", "W.0", next(CALLS), [chunk], most_bytes=10**8) or [""])


@pytest.fixture
def record(system: Client, run: WholeRun) -> Callable[..., Any]:
    def make(*patterns: str, previews: bool = True) -> Any:
        return json.loads(json.dumps(recorded(system.run("r1"), patterns, previews=previews)))

    return make


def test_it_has_the_whole_run(record: Callable[..., Any]) -> None:
    found = record()
    assert found.pop("schema") == Recording.SCHEMA
    assert list(misfits(found, Recording)) == []
    assert found["header"]["status"]["state"] == "failed"
    assert found["columns"]["names"] == ["load", "numbers", "halve", "report"]
    attempts = {entry["task"]: entry for entry in found["attempts"]}
    assert "in halve" in attempts["halve[1]"]["traceback"]
    assert attempts["load"]["outcome"] == "succeeded"
    items = [(item["name"], item["state"], item["label"]) for item in found["items"]]
    assert items[1] == ("halve[1]", "failed", "half of 2")
    results = {entry["task"]: entry["value"] for entry in found["results"]}
    assert results["numbers"] == [1, 2, 3]
    assert results["halve[2]"] == 1.5
    assert found["arguments"][0]["value"] == {"size": 3}
    assert found["params"]["value"]["day"] == "Monday"
    assert "halve[1]" in found["header"]["why"]["sentence"]
    assert {"halve[1]", "report"} <= {why["task"] for why in found["whys"]}
    assert [line["text"] for line in found["lines"]][1:] == ["second line", "third line", "now 2"]
    assert found["functions"][found["function_of"][0]].endswith(":load")
    assert found["policies"][found["policy_of"][3]]["retries"] == 2
    assert found["left_out"] == []


def test_secrets_are_hidden_in_all_texts(record: Callable[..., Any]) -> None:
    assert json.dumps(record()).count("s3cret") > 8
    found = record(r"token=\S+")
    assert "s3cret" not in json.dumps(found)
    results = {entry["task"]: entry["value"] for entry in found["results"]}
    assert results["load"] == {"rows": [0, 1, 2], "token": "***", "note": "***"}
    assert found["lines"][0]["text"] == "begun with ***"


def test_a_pattern_leaves_names_and_times(record: Callable[..., Any]) -> None:
    plain, found = record(), record("[a-z0-9]+")
    assert found["columns"]["names"] == plain["columns"]["names"]
    assert found["header"]["status"]["submitted"] == plain["header"]["status"]["submitted"]
    assert [item["state"] for item in found["items"]] == ["succeeded", "failed", "succeeded"]
    assert {line["text"] for line in found["lines"]} <= {"*** ***", "*** *** ***=***"}


def test_a_secret_is_hidden_before_its_text_is_cut(
    record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LONGEST_LINE", 20)
    monkeypatch.setattr(recorded_values, "CHARACTERS", 40)
    found = record(r"token=\w+")
    assert "s3" not in json.dumps(found)
    assert found["lines"][0]["text"] == "begun with ***"


def test_a_secret_is_hidden_before_an_explanation_cuts_its_error(
    record: Callable[..., Any],
) -> None:
    plain, found = record(), record("key=[0-9]+-(?:k3y){20}")
    assert " more … " in plain["header"]["why"]["failure"]["error"]
    assert "k3y" in json.dumps(plain["header"]["why"])
    assert "k3y" not in json.dumps(found)


def test_values_can_be_left_out(record: Callable[..., Any]) -> None:
    found = record(previews=False)
    assert (found["results"], found["arguments"], found["params"]) == ([], [], None)
    assert found["header"]["params"] == {}
    assert found["left_out"] == ["It was made without values: parameters, arguments and results."]


@pytest.mark.parametrize(
    ("where", "bounds", "sentence"),
    [
        (recording, {"MOST_ITEMS": 2}, "1 item of halve of 3: flowkit status r1 --task halve"),
        (recording, {"MOST_LINES": 2, "MOST_FAILED_LINES": 1}, "2 lines of logs of 4"),
        (recording, {"LONGEST_LINE": 9}, "The ends of 3 long lines of logs."),
        (recording, {"MOST_ATTEMPTS": 1}, "attempts of"),
        (recording, {"LONGEST_ERROR": 20}, "The ends of"),
        (recorded_values, {"AT_ONCE": 1, "MOST_READ": 1}, "values: flowkit result r1 TASK"),
        (recorded_values, {"AT_ONCE": 1, "MOST_TEXT": 1}, "values: flowkit result r1 TASK"),
    ],
)
def test_what_is_cut_is_said(
    record: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    where: Any,
    bounds: dict[str, int],
    sentence: str,
) -> None:
    for name, bound in bounds.items():
        monkeypatch.setattr(where, name, bound)
    assert any(sentence in text for text in record()["left_out"])


def test_attempts_that_failed_are_kept_longest(
    record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MOST_ATTEMPTS", 1)
    assert [entry["task"] for entry in record()["attempts"]] == ["halve[1]"]


def test_lines_of_failed_tasks_are_kept_longest(
    record: Callable[..., Any], run: WholeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MOST_LINES", 1)
    printed(run, "numbers", "much", "later")
    found = record()
    assert [line["text"] for line in found["lines"]] == ["now 2", "later"]
    assert found["earlier_lines"] == 4


def test_a_run_that_is_not_over_is_recorded(
    fake_server: EmbeddedServer, namespace: str, system: Client
) -> None:
    with DAG("open") as dag:
        load.bind("load", size=1) >> numbers
    whole = WholeRun(fake_server.url, namespace, dag, params={"token": "x"})
    whole.schedule()
    found: Any = recorded(system.run("r1"), (), previews=True)
    assert found["header"]["status"]["state"] == "running"
    assert [why["state"] for why in found["whys"]] == ["queued", "pending"]
    whole.close()


def test_the_client_hides_what_its_settings_say(
    fake_server: EmbeddedServer, namespace: str, run: WholeRun
) -> None:
    settings = Settings(redis_url=fake_server.url, namespace=namespace, log_redact=("s3c...",))
    with Client(settings) as client:
        assert b"s3cret" not in exported(client.run("r1"))


@pytest.mark.parametrize(
    ("name", "value", "is_hidden"),
    [
        ("token", "abc", True),
        ("token", 12, True),
        ("user", "abc", False),
        ("user", "token=abc", False),  # `text` hides the part
        ("token", ["abc"], False),  # its parts are tried
        ("token", "", False),
    ],
)
def test_a_value_is_tried_with_its_name(name: str, value: object, is_hidden: bool) -> None:
    for pattern in (r"token=\S+", r"token: \S+", r'"token": "[^"]+"'):
        if pattern[0] != '"' or name == "user" or value != "":
            assert Redaction([pattern]).hides(name, value) is is_hidden


def test_a_bad_pattern_is_an_error() -> None:
    with pytest.raises(re.error):
        Redaction(["("])


def test_only_the_newest_lines_are_searched(
    record: Callable[..., Any], run: WholeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MOST_LOG_BYTES", 1)
    for number in range(40):  # more than are read at a time
        printed(run, "load", f"line {number}", first=4 + number)
    found = record()
    assert [line["text"] for line in found["lines"]] == [f"line {at}" for at in range(8, 40)]
    assert any("before the newest" in text for text in found["left_out"])


def test_long_lines_are_cut_when_they_are_read(
    record: Callable[..., Any], run: WholeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of lines of 256 kB would be in memory together."""
    seen: list[int] = []

    class Room(recording.TextRoom):
        def fit(self, text: str) -> str:
            seen.append(len(text))
            return super().fit(text)

    monkeypatch.setattr(recording, "TextRoom", Room)
    monkeypatch.setattr(recording, "LONGEST_LINE", 30)
    printed(run, "numbers", "x" * 25 + " token=s3cret" + "y" * 1_000)
    found = record(r"s3cr\w+")
    assert max(seen[: len(found["lines"])]) == 31
    assert found["lines"][-1]["text"].startswith("xxx")
    assert "s3" not in json.dumps(found["lines"])
