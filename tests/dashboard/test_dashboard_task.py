"""The page of one task gets what it is, what it got, what it returned and what it printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from json_schema import all_documents, misfits
from starlette.testclient import TestClient
from whole_run import WholeRun

from flowkit import DAG, Task
from flowkit.client import run_logs
from flowkit.client.client import Client
from flowkit.client.run_logs import LogCursor
from flowkit.dashboard.endpoint import ROOT
from flowkit.dashboard.live import log_source
from flowkit.dashboard.live.history_source import HistorySource, common
from flowkit.dashboard.live.log_source import KEPT, MOST_TOLD, LogSource
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RedisUnavailable
from flowkit.protocol.log_chunks import id_before
from flowkit.protocol.log_store import LogStore, NewChunk

RUN = ROOT + "/runs/r1"


def files(count: int = 3) -> list[int]:
    return list(range(count))


def parse(item: int, unit: str = "m") -> dict[str, object]:
    return {"item": item, "unit": unit}


def merge(parts: list[object], extra: dict[str, object]) -> str:
    raise ValueError("no header")


def notes() -> dict[str, object]:
    return {"text": "x" * 30_000, "more": list(range(3_000))}


@pytest.fixture
def whole(fake_server: EmbeddedServer, namespace: str) -> Iterator[WholeRun]:
    with DAG("etl") as dag:
        mapped = Task(parse).map(label="file {item}")
        merging = Task(merge, name="merge/all", retries=1, delay=0)
        Task(files) >> mapped >> merging
        Task(notes) >> merging
    run = WholeRun(fake_server.url, namespace, dag, params={"count": 3})
    for _ in range(10):
        run.turn()
        run.resolver._store.promote(10)
    assert run.state == "failed"
    yield run
    run.close()


def asked(browser: TestClient, path: str, **query: object) -> dict[str, Any]:
    """Return a document, which fits its schema."""
    answer = browser.get(RUN + path, params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    kind = all_documents()[document["schema"]]
    inner = {name: value for name, value in document.items() if name != "schema"}
    assert list(misfits(inner, kind)) == []
    return document


def print_lines(whole: WholeRun, task: str, *texts: str, first: int = 1) -> None:
    """Store lines that the first attempt of a task printed."""
    store = LogStore(whole.link, whole.namespace, now_ms=lambda: 1_764_508_800_123)
    data = "".join(f"1764508800123 20o {text}\n" for text in texts).encode()
    new = NewChunk(whole.number(task), 1, first, len(texts), data)
    ids = store.append_logs("r1", "W.0", first, [new], most_bytes=10**8)
    assert ids
    assert all(ids)


def test_a_task_that_failed_has_all_that_explains_it(browser: TestClient, whole: WholeRun) -> None:
    document = asked(browser, "/tasks/" + quote("merge/all", safe=""))
    assert document["task"]["state"] == "failed"
    assert document["code"].endswith(":merge")
    assert (document["policy"]["queue"], document["policy"]["retries"]) == ("default", 1)
    assert [item["outcome"] for item in document["attempts"]] == ["retry", "failed"]
    assert document["attempts"][1]["error"] == "ValueError: no header"
    assert "in merge" in document["attempts"][1]["traceback"]
    inputs = {item["task"]: item for item in document["inputs"]}
    assert set(inputs) == {"parse", "notes"}
    assert inputs["parse"]["value"] is None, "the results of all its items"
    value = inputs["notes"]["value"]
    assert (value["type"], value["cut"], value["size"] > 30_000) == ("dict", True, True)
    assert len(json.dumps(value)) < 10_000
    assert document["params"]["value"] == {"count": 3}
    assert document["result"] is None
    assert asked(browser, "/task", task="merge/all") == document


def test_a_mapped_task_shows_its_first_items_and_an_item_its_own(
    browser: TestClient, whole: WholeRun
) -> None:
    mapped = asked(browser, "/tasks/parse")
    assert (mapped["mapped"], mapped["item_of"], mapped["attempts"]) == (True, None, [])
    assert mapped["task"]["items"] == {"succeeded": 3}
    assert mapped["result"]["type"] == "list of 3"
    assert mapped["result"]["value"][1] == {"item": 1, "unit": "m"}
    item = asked(browser, "/tasks/parse[1]")
    assert (item["item_of"], item["task"]["label"]) == ("parse", "file 1")
    assert item["result"]["value"] == {"item": 1, "unit": "m"}
    (given,) = item["inputs"]
    assert (given["task"], given["element"], given["value"]["value"]) == ("files", 1, 1)
    assert mapped["inputs"][0]["element"] is None
    assert [attempt["outcome"] for attempt in item["attempts"]] == ["succeeded"]


def test_a_result_is_shown_cut_and_downloaded_whole(browser: TestClient, whole: WholeRun) -> None:
    shown = asked(browser, "/result", task="notes")["result"]
    assert shown["cut"]
    assert len(json.dumps(shown)) < 60_000
    answer = browser.get(RUN + "/result", params={"task": "notes", "download": "true"})
    assert answer.headers["content-disposition"] == 'attachment; filename="result.json"'
    assert answer.json()["result"]["value"] == notes()
    assert not answer.json()["result"]["cut"]
    assert asked(browser, "/result", task="merge/all")["result"] is None


def test_earlier_attempts_are_read_in_parts(browser: TestClient, whole: WholeRun) -> None:
    first = asked(browser, "/attempts", limit=1)
    assert (first["tasks"], first["attempts"], first["more"]) == (["merge/all"], [1], True)
    assert (first["outcomes"], first["workers"]) == (["retry"], ["W.0"])
    (queued,), (started,), (ended,), (due,) = (
        first[name] for name in ("queued", "started", "ended", "due")
    )
    assert 0 <= queued <= started <= ended <= due
    rest = asked(browser, "/attempts", cursor=first["cursor"])
    assert rest["tasks"] == []
    again = asked(browser, "/attempts", cursor=rest["cursor"])
    assert (again["cursor"], again["more"]) == (rest["cursor"], False)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/tasks/nothing", 404, "has no task 'nothing'"),
        ("/tasks/parse[9]", 404, "has 3, from"),
        ("/result", 400, "the parameter 'task' is missing"),
        ("/logs?cursor=x", 400, "no cursor"),
        ("/logs?cursor=99999999999999999999-0", 400, "no cursor"),
        ("/attempts?cursor=x", 400, "no cursor"),
        ("/attempts?cursor=99999999999999999999-0", 400, "no cursor"),
        ("/logs?level=LOUD", 400, "one of DEBUG"),
        ("/why?task=nothing", 404, "has no task"),
        ("/history?task=nothing", 404, "has no task"),
    ],
)
def test_what_does_not_exist_is_refused(
    browser: TestClient, whole: WholeRun, path: str, status: int, words: str
) -> None:
    answer = browser.get(RUN + path)
    assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text


@pytest.mark.parametrize("path", ["/why", "/history", "/logs", "/tasks/x", "/result?task=x"])
@pytest.mark.parametrize("run", ["nothing", "%7Bx%7D", "a b", "x" * 400])
def test_a_run_that_does_not_exist_is_not_found(browser: TestClient, path: str, run: str) -> None:
    assert browser.get(f"{ROOT}/runs/{run}{path}").status_code == 404


def test_why_and_history_are_those_of_the_command_line(
    browser: TestClient, whole: WholeRun
) -> None:
    why = asked(browser, "/why")
    assert (why["over"], why["failure"]["task"]) == (True, "merge/all")
    assert asked(browser, "/why", task="parse[2]")["state"] == "succeeded"
    history = asked(browser, "/history", task="merge/all")
    assert [item["outcome"] for item in history["items"] if item["task"]][:2] == [
        "retry",
        "failed",
    ]
    assert asked(browser, "/history", limit=1)["more"]


# -- lines ----------------------------------------------------------------------------------------


def read_all(browser: TestClient, limit: int, **query: object) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    cursor, more = "", True
    while more:
        part = asked(browser, "/logs", cursor=cursor, limit=limit, **query)
        assert len(part["items"]) <= limit
        lines += part["items"]
        cursor, more = part["cursor"], part["more"]
    assert asked(browser, "/logs", cursor=cursor, **query)["items"] == []
    return lines


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 2000])
def test_parts_of_any_size_are_all_lines_once(
    browser: TestClient, whole: WholeRun, limit: int
) -> None:
    for at in range(40):  # more chunks than are read at a time
        print_lines(whole, "files", f"a{at}", f"b{at}", first=1 + 3 * at)
    lines = read_all(browser, limit)
    assert [line["text"] for line in lines] == [f"{x}{at}" for at in range(40) for x in "ab"]
    gaps = [line["number"] for line in lines if line["missing"]]
    assert set(gaps) <= {4 + 3 * at for at in range(39)}
    assert len(gaps) >= 37 or limit < 100, "before the first line of a part, it is unknown"
    assert read_all(browser, limit, task="parse") == []


def source(system: Client, **query: Any) -> LogSource:
    return LogSource(lambda: system.run("r1"), **query)


def test_the_stream_of_lines_tells_the_last_ones_and_then_new_ones(
    system: Client, whole: WholeRun
) -> None:
    print_lines(whole, "files", *(f"line {at}" for at in range(KEPT + 100)))
    lines = source(system)
    state = lines.read(None)
    told = lines.whole(state)
    assert (told["all"], len(told["items"]), told["skipped"]) == (
        True,
        MOST_TOLD,
        KEPT + 100 - MOST_TOLD,
    )
    assert told["items"][-1]["text"] == f"line {KEPT + 99}"
    assert lines.read(state).count == state.count
    print_lines(whole, "files", "new", "ones", first=KEPT + 101)
    now = lines.read(state)
    told = lines.change(state, now)
    assert ([line["text"] for line in told["items"]], told["skipped"]) == (["new", "ones"], 0)
    assert len(now.kept) == KEPT


def test_a_long_log_is_read_from_its_end(
    system: Client, whole: WholeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_source, "KEPT", 10)
    print_lines(whole, "files", "rare")
    for at in range(100):
        print_lines(whole, "parse[0]", f"line {at}", first=2 + at)
    lines = source(system)
    state = lines.read(None)
    told = lines.whole(state)
    assert [line["text"] for line in told["items"]] == [f"line {at}" for at in range(90, 100)]
    assert (told["skipped"], told["earlier"]) == (0, True)
    rare = source(system, task="files")
    assert [line["text"] for line in rare.whole(rare.read(None))["items"]] == ["rare"]
    assert not rare.whole(rare.read(None))["earlier"]
    monkeypatch.setattr(log_source, "MOST_BYTES", 5_000)
    rare = source(system, task="files")
    state = rare.read(None)
    told = rare.whole(state)
    assert (told["items"], told["earlier"]) == ([], True)
    print_lines(whole, "files", "new", first=200)
    assert [line["text"] for line in rare.change(state, rare.read(state))["items"]] == ["new"]


@pytest.mark.parametrize("tail", [1, 32, 99, 150])
def test_the_last_lines_are_read_from_the_end(
    system: Client, whole: WholeRun, tail: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_logs, "SETTLE_S", 0.0)
    for at in range(100):
        print_lines(whole, "files", f"line {at}", first=1 + at)
    read: list[int] = []
    part = LogCursor.next_part

    def counted(cursor: LogCursor) -> Any:
        read.append(len(lines := part(cursor)))
        return lines

    monkeypatch.setattr(LogCursor, "next_part", counted)
    found = [line.text for line in system.run("r1").logs(tail=tail)]
    assert found == [f"line {at}" for at in range(100)][-tail:]
    assert sum(read) == min(tail, 100)


@pytest.mark.parametrize(
    ("entry", "before"), [("5-3", "5-2"), ("5-0", f"4-{2**64 - 1}"), ("0-0", ""), ("0-1", "0-0")]
)
def test_the_id_before_another(entry: str, before: str) -> None:
    assert id_before(entry) == before


def test_an_event_of_lines_is_bounded(system: Client, whole: WholeRun) -> None:
    print_lines(whole, "files", *("x" * 15_000 for _ in range(4)))
    lines = source(system, task="files", attempt=1, level="INFO")
    state = lines.read(None)
    told = lines.whole(state)
    assert [len(line["text"]) for line in told["items"]] == [10_001] * 4
    for first in (5, 11, 17):
        print_lines(whole, "files", *("y" * 9_000 for _ in range(6)), first=first)
    told = lines.change(state, lines.read(state))
    assert told["skipped"] + len(told["items"]) == 18
    assert told["skipped"] > 0
    assert len(json.dumps(told)) < 130_000


def test_an_outage_loses_no_lines(
    system: Client, whole: WholeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    print_lines(whole, "files", "one")
    lines = source(system)
    state = lines.read(None)
    print_lines(whole, "files", "two", first=2)
    cursor = lines._cursor
    assert cursor is not None
    real = cursor.next_part

    def fails_after_reading() -> Any:
        real()
        raise RedisUnavailable("away")

    monkeypatch.setattr(cursor, "next_part", fails_after_reading)
    with pytest.raises(RedisUnavailable):
        lines.read(state)
    assert [line.text for line in lines.read(state).kept] == ["one", "two"]


def test_the_stream_of_the_history_tells_what_changes(system: Client, whole: WholeRun) -> None:
    events = HistorySource(lambda: system.run("r1"))
    state = events.read(None)
    assert events.read(state) is state
    system.run("r1").resume()
    now = events.read(state)
    told = events.change(state, now)
    assert told["drop"] == 0
    assert state["items"][: told["keep"]] + told["items"] == now["items"]
    assert any(item["what"] == "resumed" for item in told["items"])


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ([1, 2], [1, 2, 3], (0, 2)),
        ([1, 2, 3], [2, 3, 4], (1, 2)),
        ([1, 2, 3], [1, 9, 3], (0, 1)),
        ([], [1], (0, 0)),
        ([1], [], (1, 0)),
        ([1, 2], [8, 9], (2, 0)),
    ],
)
def test_what_two_lists_have_in_common(
    old: list[object], new: list[object], same: tuple[int, int]
) -> None:
    drop, keep = common(old, new)
    assert (drop, keep) == same
    assert old[drop : drop + keep] == new[:keep]
