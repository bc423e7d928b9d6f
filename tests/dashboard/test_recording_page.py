"""The page of a recording: hostile texts stay data, and the policy allows its script alone."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest
from javascript import Modules
from nasty import NASTY
from recordings import Parts, data_of, recording_of

from flowkit.dashboard.pages import page_folder
from flowkit.page.bundle import bundle
from flowkit.page.export import TABLES, recording_page, table

HOSTILE = {
    **NASTY,
    "its end": "</script><script>alert(1)</script>",
    "a comment": "<!-- <script>",
    "an entity": "&lt;img src=x onerror=alert(1)&gt;",
    "a hole of the template": "{{ script }}{{ data }}",
    "a key of ours": "__proto__",
}
STATIC = page_folder() / "static"


def recording(text: str = "plain") -> dict[str, Any]:
    row = {"task": text, "value": {text: [text]}, "cut": False}
    return {"run_id": text, **{name: [row, {**row, "task": "b"}] for name in TABLES}}


def test_texts_stay_data() -> None:
    given = [recording(text) for text in HOSTILE.values()]
    page = recording_page({**given[0], "all": given})
    plain = Parts(recording_page(recording()))
    parts = Parts(page)
    assert parts.tags == plain.tags
    assert parts.texts["script"][1:] == plain.texts["script"][1:]
    assert not set("<>&\u2028\x9b\u202e") & set(data_of(page))
    assert json.loads(data_of(page))["all"] == given
    page.encode()  # half of a surrogate pair is escaped


def test_the_script_of_the_page_reads_the_data() -> None:
    given = recording("</script>")
    assert recording_of(recording_page(given)) == given


def test_the_policy_allows_the_script_and_the_style_alone() -> None:
    parts = Parts(recording_page(recording()))
    _, script = parts.texts["script"]
    (style,) = parts.texts["style"]

    def hashed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert parts.policy == (
        f"default-src 'none'; script-src {hashed(script)}; style-src {hashed(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"(?:src|href)=[\"']?https?:", recording_page(recording()))


def test_a_table_keeps_what_json_tells_apart() -> None:
    rows = [{"a": 1, "b": [1], "c": None}, {"a": True, "b": [1], "c": None}]
    made = table(rows)
    assert made == {"same": {"c": None}, "fields": ["a", "b"], "rows": [[1, [1]], [True, [1]]]}
    assert Modules("recorded/tables.js").call("rowsOf", made) == rows
    assert Modules("recorded/tables.js").call("rowsOf", table([])) == []


def test_a_name_that_is_not_exported_is_refused() -> None:
    files = {
        "recorded/app.js": 'import { get } from "../frame.js";\n',
        "frame.js": 'import { get, logOut as out } from "./api.js";\nexport { get };\n',
        "recorded/api.js": "export async function get() {}\n",
    }
    with pytest.raises(ValueError, match=r"recorded/api\.js exports no logOut, which frame\.js"):
        bundle(files.__getitem__, [])
    assert "get get()" in bundle({**files, "frame.js": "export function get() {}\n"}.get, [])


@pytest.mark.parametrize(
    "text",
    [
        'import x from "./x.js";\n',
        'import * as x from "./x.js";\n',
        "export let a = 1;\n",
        "export default 1;\n",
        "const x = await import(name);\n",
    ],
)
def test_a_module_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be inlined"):
        bundle(lambda name: text, [])


def test_a_module_that_would_end_the_script_is_refused() -> None:
    with pytest.raises(ValueError, match="would end its script"):
        bundle(lambda name: "const end = '</script>';\n", [])


# -- the answers ----------------------------------------------------------------------------------

NOBODY: dict[str, Any] = {"app_version": "", "rerun": False, "error": None, "traceback": ""}
RUN: dict[str, Any] = {
    "run_id": "r 1",
    "recorded": "2026-01-01T00:00:10Z",
    "header": {
        "status": {"submitted": "2026-01-01T00:00:00Z", "dag": "etl", "state": "failed"},
        "why": {"task": None, "sentence": "It failed."},
    },
    "columns": {
        "names": ["load", "parse", "end"],
        "states": "sfu",
        "attempts": [1, 0, 0],
        "queued": [0, None, None],
        "waited": [100, None, None],
        "took": [900, None, None],
        "workers": ["W.0"],
        "lanes": [0, -1, -1],
        "cached": [],
        "errors": {},
        "progress": {},
        "items": {"1": {"succeeded": 1, "failed": 1}},
        "retried": {"1": 1},
        "edges": [0, 1],
        "order": [1, 2],
    },
    "graphs": [{"collapsed": True}, {"collapsed": False}],
    "whys": [{"task": "parse[1]", "sentence": "Bad."}],
    "history": {
        "matching": 3,
        "items": [
            {"task": None, "attempt": None, "at": "0", "what": "submitted", "traceback": ""},
            {"task": "parse[1]", "attempt": 1, "at": "2", "what": "attempt", "traceback": ""},
        ],
    },
    "earlier": {"tasks": ["parse[1]"], "more": False},
    "attempts": [
        {**NOBODY, "task": "parse[1]", "attempt": 1, "at": "2", "traceback": "in parse"},
    ],
    "items": [
        {"item_of": "parse", "name": "parse[0]", "state": "succeeded", "attempt": 1,
         "started": "2026-01-01T00:00:02.000Z", "duration": 1.5, "worker": "W.0", "cached": False,
         "error": None, "app_version": ""},
        {"item_of": "parse", "name": "parse[1]", "state": "failed", "attempt": 2,
         "started": "2026-01-01T00:00:02.000Z", "duration": 1, "worker": "W.0", "cached": False,
         "error": "Bad", "app_version": ""},
    ],
    "lines": [
        {"task": "load", "attempt": 1, "level": "INFO", "text": "a"},
        {"task": "parse[1]", "attempt": 1, "level": "ERROR", "text": "b"},
    ],
    "earlier_lines": 5,
    "results": [{"task": "load", "value": [1, 2]}, {"task": "parse[0]", "value": 3, "problem": ""}],
    "arguments": [],
    "params": None,
    "functions": ["m:load", "m:parse"],
    "function_of": [0, 1, 1],
    "policies": [{"queue": "default"}],
    "policy_of": [0, 0, 0],
}  # fmt: skip


@pytest.fixture(scope="module")
def answers() -> Modules:
    return Modules("recorded/answers.js")


def ask(answers: Modules, path: str, **query: object) -> Any:
    script = "((run, path, query) => new Answers(run).of(path, query))"
    return answers.call(script, RUN, path, query)


def told(answers: Modules, path: str, **query: object) -> Any:
    script = "((run, path, query) => new Answers(run).stream(path, query))"
    return answers.call(script, RUN, path, query)


def refused(answers: Modules, path: str, **query: object) -> str:
    script = (
        "((run, path, query) => { try { new Answers(run).of(path, query); return 'none'; }"
        " catch (error) { return error.message; } })"
    )
    return str(answers.call(script, RUN, path, query))


def test_a_run_is_told_as_by_a_stream(answers: Modules) -> None:
    assert ask(answers, "/runs/r%201") == RUN["header"]
    assert told(answers, "/live/runs/r%201") == {
        "header": RUN["header"],
        "columns": RUN["columns"],
    }
    assert ask(answers, "/runs/r%201/graph", collapse="false") == {"collapsed": False}
    assert ask(answers, "/runs/r%201/graph", collapse="") == {"collapsed": True}


def test_a_task_is_put_together(answers: Modules) -> None:
    load = ask(answers, "/runs/r%201/tasks/load")
    assert load["task"]["started"] == "2026-01-01T00:00:00.100Z"
    assert load["task"]["duration"] == 0.9
    assert load["attempts"][0]["at"] == "2026-01-01T00:00:01.000Z"
    assert load["result"]["value"] == [1, 2]
    assert (load["code"], load["policy"]) == ("m:load", {"queue": "default"})
    parse = ask(answers, "/runs/r%201/task", task="parse")
    assert parse["mapped"] is True
    assert parse["attempts"] == []
    assert [(given["task"], given["passes"]) for given in parse["inputs"]] == [("load", True)]
    assert parse["result"]["value"] == [3]
    end = ask(answers, "/runs/r%201/tasks/end")
    assert [(given["task"], given["passes"]) for given in end["inputs"]] == [("parse", False)]


def test_an_item_is_put_together(answers: Modules) -> None:
    failed = told(answers, "/live/runs/r%201/tasks/parse%5B1%5D")
    assert failed["schema"] == ""
    assert failed["item_of"] == "parse"
    assert [attempt["attempt"] for attempt in failed["attempts"]] == [1, 2]
    assert failed["attempts"][0]["traceback"] == "in parse"
    done = ask(answers, "/runs/r%201/tasks/parse%5B0%5D")
    assert (done["result"]["value"], done["attempts"][0]["outcome"]) == (3, "succeeded")


def test_items_lines_and_events_are_chosen(answers: Modules) -> None:
    items = ask(answers, "/runs/r%201/items", task="parse", state="failed", start=0, limit=10)
    assert [item["name"] for item in items["items"]] == ["parse[1]"]
    assert ask(answers, "/runs/r%201/items", task="parse", start=1)["items"] == RUN["items"][1:]
    retried = ask(answers, "/runs/r%201/items", task="parse", retried=True)
    assert [item["name"] for item in retried["items"]] == ["parse[1]"]
    assert ask(answers, "/runs/r%201/attempts", cursor="") == RUN["earlier"]
    lines = told(answers, "/live/runs/r%201/logs", task="parse")
    assert [line["text"] for line in lines["items"]] == ["b"]
    assert (lines["all"], lines["over"], lines["earlier"]) == (True, True, True)
    loud = told(answers, "/live/runs/r%201/logs", level="WARNING")
    assert [line["text"] for line in loud["items"]] == ["b"]
    events = told(answers, "/live/runs/r%201/history")
    assert [event["traceback"] for event in events["items"]] == ["", "in parse"]
    assert events["matching"] == 3
    assert ask(answers, "/runs/r%201/why", task="parse[1]")["sentence"] == "Bad."
    assert ask(answers, "/runs/r%201/why")["sentence"] == "It failed."


def test_the_rest_is_refused(answers: Modules) -> None:
    assert refused(answers, "/runs/other") == "This recording has the run r 1 alone."
    assert "does not have this task" in refused(answers, "/runs/r%201/tasks/none")
    assert "did not succeed" in refused(answers, "/runs/r%201/why", task="load")
    assert refused(answers, "/workers") == "The recording does not have this."
