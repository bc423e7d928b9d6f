"""Headers of scripts are data: this checks them against the scripts and against the stores."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import lupa.lua51 as lua
import pytest

import flowkit.protocol as protocol
from flowkit.core.states import RunState, TaskState
from flowkit.protocol.change_store import Waiting
from flowkit.protocol.client_store import ClientStore, Submission
from flowkit.protocol.keys import RUN_ID, Keys
from flowkit.protocol.log_store import LogStore
from flowkit.protocol.outcomes import Outcome, OutcomeCode
from flowkit.protocol.parent_store import WaitingTask
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.scripts import Script, header, names, script
from flowkit.protocol.state_store import EntryStore
from flowkit.protocol.worker_store import WorkerStore

FOLDER = Path(protocol.__file__).parent
LUA = FOLDER / "lua"
FIELDS = ("USES", "KEYS", "ARGV", "REPLY", "KEEPS")
PIECES = sorted((LUA / "_lib").glob("*.lua"))
# Reply words that need no branch of their own: the method says the same of all that is not OK.
NO_BRANCH = {
    "EXISTS": "submit returns False: the run was there already",
    "RUNNING": "resume returns: the run goes on",
    "HOLDS": "retire returns False",
    "ALIVE": "reap returns nothing: the worker renewed its lease meanwhile",
}


def body(name: str) -> str:
    return (LUA / f"{name}.lua").read_text("utf-8")


def whole_header(text: str) -> dict[str, str]:
    """The fields of a header with all their lines."""
    result: dict[str, str] = {}
    field = ""
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        match = re.match(r"-- ([A-Z]+)\s{2,}(.*)", line)
        if match:
            field = match[1]
            result[field] = match[2]
        elif field:
            result[field] += "   " + line[2:].strip()
    return result


def arguments(name: str) -> tuple[int, bool]:
    """Return how many arguments a script has at least, and whether more may follow."""
    text = whole_header(body(name))["ARGV"]
    numbers = re.findall(r"(?:^|\s{2,})(\d+)(…?)(?=\s)", text)
    fixed = [int(number) for number, more in numbers if not more]
    assert fixed == list(range(1, len(fixed) + 1)), f"{name}: ARGV is not numbered from 1 on"
    return len(fixed), "…" in text or "then" in text


@pytest.mark.parametrize("name", names())
def test_a_script_says_what_it_is(name: str) -> None:
    text = body(name)
    assert text.startswith(f"-- {name}: ")
    result = whole_header(text)
    assert tuple(field for field in result if field != "RARE") == FIELDS
    assert all(result.values())
    assert result["KEYS"] == "1 prefix"
    assert result["ARGV"].startswith("1 now (ms)")
    assert result["USES"] == header(text)["USES"]


@pytest.mark.parametrize("piece", PIECES, ids=lambda path: path.stem)
def test_a_piece_says_what_it_is_and_is_used(piece: Path) -> None:
    assert piece.read_text("utf-8").startswith(f"-- {piece.stem}: ")
    assert any(piece.stem in header(body(name))["USES"].split() for name in names())


@pytest.mark.parametrize("name", names())
def test_the_reply_words_are_those_of_the_script_and_known_to_a_store(name: str) -> None:
    stated = set(re.findall(r"(?:^|\| )([A-Z]{2,})", whole_header(body(name))["REPLY"]))
    returned = set(re.findall(r"(?:return|reply =) \{'([A-Z]+)'", body(name)))
    assert stated == returned
    stores = "".join(path.read_text("utf-8") for path in FOLDER.glob("*store.py"))
    for word in stated - NO_BRANCH.keys():
        assert f'b"{word}"' in stores, f"{name} answers {word}, which no store knows"


class Recorder:
    """Stands in for a Link: notes what is sent and gives the reply that a test has set."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []
        self.reply: list[Any] = [b"OK", 0]

    def script(self, script: Script, prefix: str, args: Sequence[object]) -> list[Any]:
        assert prefix == "{n}:"
        self.sent.append((script.name, len(args)))
        return self.reply

    def impatient(self) -> AbstractContextManager[None]:
        return nullcontext()

    def scripts(self, script: Script, prefix: str, calls: Sequence[Sequence[object]]) -> list[Any]:
        return [self.script(script, prefix, args) for args in calls]


def everything_sent() -> list[tuple[str, int]]:
    """Call each writing method of each store once; return (script, number of arguments)."""
    link: Any = Recorder()
    client, worker = ClientStore(link, "n"), WorkerStore(link, "n")
    scheduler = SchedulerStore(link, "n", "s")
    submission = Submission("r", "d", "0" * 64, b"graph", b"", 1, 1)
    client.submit_many([submission, submission])
    client.note_schema(1, upgrade=True)
    client.cancel("r")
    client.delete("r")
    client.check_writes()
    client.resume("r")
    link.reply = [b"OK", 1]
    client.hasten("r", [Waiting(0, 1, "5", ["default"])])
    link.reply = [b"OK", 0, 1]
    worker.heartbeat("W", 1, [])
    worker.register_app("0" * 16, ["1" * 16], lease_ms=1000)
    link.reply = [b"OK", 0]
    worker.complete("W.0", [], 1, 0, 1, [])
    link.reply = [b"OK", b"", 0]
    worker.complete("W.0", [Outcome.decode("r", "0,1,S")], 1, 0, 1, [])
    link.reply = [b"OK", 0, 0]
    worker.release("W.0", [])
    worker.retire("W", [])
    worker.report_progress("W", {"r,1,1": "W.0,1,,"}, ["r,2,1"])
    worker.store_items("W.0", Outcome("r", 0, 1, OutcomeCode.SUCCEEDED, blocks=[b"block"]))
    worker.check_rights()
    scheduler.check_rights()
    link.reply = [b"OK", 1, -1]
    scheduler.acquire_lease(1)
    link.reply = [b"NOBODY"]
    scheduler.hand_over_lease(1, 1, 0)
    link.reply = [b"OK"]
    scheduler.apply("", [])
    scheduler.quarantine_event(["1-1 nonsense"])
    link.reply = [b"NONE"]
    scheduler.last_announcement()
    link.reply = [b"OK", 0, 0]
    scheduler.stop_run("r", RunState.FAILED)
    scheduler.reset("r", [])
    scheduler.requeue("r", [(0, "default", "5")])
    scheduler.fail_queued("r", [0], b"error")
    scheduler.promote(1)
    scheduler.expire_children(["r"])
    scheduler.cancel_children("r", ["s"])
    scheduler.wake_damaged(WaitingTask("r", 0), "default", "5")
    scheduler._fenced("continue_calls", "r", 0, 1, "id", "default", "5")
    link.reply = [b"OK", 0, b""]
    worker.prepare_calls("r", {"0": b""})
    link.reply = [b"OK", 0, 0]
    scheduler.forget([])
    scheduler.prune_dead_letters(0, 1)
    scheduler.prune_parents(["r,0"])
    scheduler.drop_stale_entries(0, 10)
    link.reply = [b"OK", b"", b"", b""]
    scheduler.end_tasks("r", TaskState.CANCELLED, [1], notify=True)
    link.reply = [b"OK"]
    worker.reap_child("W.0", [], 3, b"")
    scheduler.reap("W.0", 3, b"")
    LogStore(link, "n").append_logs("r", "W.0", 1, [], most_bytes=1)
    entries = EntryStore(link, "n", "state")
    entries.set("e", b"value", b"", 1)
    link.reply = [b"OK", 0]
    entries.delete(["e"])
    link.reply = [b"OK"]
    entries.expire()
    return list(link.sent)


def test_each_call_sends_the_arguments_that_the_header_names() -> None:
    sent = everything_sent()
    assert {name for name, _ in sent} == set(names())
    for name, count in sent:
        least, more = arguments(name)
        assert count >= least, f"{name} is sent {count} arguments and names {least}"
        assert more or count == least, f"{name} is sent {count} arguments and names {least}"


# -- keys ---------------------------------------------------------------------------------------


def test_keys_are_spelled_alike_in_lua_and_in_python() -> None:
    runtime = lua.LuaRuntime()
    runtime.execute("KEYS, ARGV, redis = {'{n}:'}, {''}, {}")
    functions = re.findall(r"local function (\w+)_key\(([^)]*)\)", base())
    exported = ", ".join(f"{name} = {name}_key" for name, _ in functions)
    table = runtime.execute(f"{base()}\nreturn {{{exported}}}")
    keys = Keys("n")
    for name, parameters in functions:
        words = [f"x{at}" for at, _ in enumerate(filter(None, parameters.split(",")))]
        assert table[name](*words) == getattr(keys, name)(*words), name
    assert table["app"]("") == keys.apps()  # which no app's key can be
    assert {"apps", *(name for name, _ in functions)} | plain_keys() == {
        name for name, _ in inspect.getmembers(Keys, inspect.isfunction) if name[0] != "_"
    }


def base() -> str:
    return (LUA / "_lib" / "base.lua").read_text("utf-8")


def without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*", "", text)


def plain_keys() -> set[str]:
    """The keys without a parameter, as scripts spell them."""
    texts = [path.read_text("utf-8") for path in LUA.rglob("*.lua") if path.stem != "base"]
    return {name for text in texts for name in re.findall(r"P \.\. '([^']*)'", text)}


def test_keys_with_a_parameter_are_made_by_their_functions_only() -> None:
    keys = Keys("n")
    for name in plain_keys():
        assert getattr(keys, name)() == "{n}:" + name
    for path in LUA.rglob("*.lua"):
        if path.stem != "base":
            assert "KEYS" not in without_comments(path.read_text("utf-8")), path.name


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "a b",
        "a,b",
        "x" * 129,
        "r1:tasks",
        "r1:results",
        "a:errors",
        "a:logs",
        "a:inputs",
        "a:children",
    ],
)
def test_a_run_id_cannot_be_what_another_run_s_key_is_made_of(bad: str) -> None:
    assert RUN_ID.fullmatch(bad) is None


@pytest.mark.parametrize("good", ["r1", "2026-01-02T03:04:05", "tasks", "a:task", "x" * 128])
def test_other_run_ids_are_allowed(good: str) -> None:
    assert RUN_ID.fullmatch(good) is not None


@pytest.mark.parametrize("bad", ["", "a:b", "a{b}", "x" * 65, "ä"])
def test_a_bad_namespace_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="is not a valid namespace: use 1 to 64 letters"):
        Keys(bad)


def test_a_script_contains_exactly_the_pieces_that_it_uses() -> None:
    """Redis makes a closure of each function at each call, whether it is called or not."""
    for name in names():
        text = script(name).text
        assert "--" not in re.sub(r"'[^']*'", "''", text), "comments are sent to nobody"
        defined = re.findall(r"^local (?:function )?(\w+)", text, re.MULTILINE)
        idle = [word for word in defined if len(re.findall(rf"\b{word}\b", text)) < 2]
        assert idle == [], name


def test_a_piece_comes_after_the_pieces_that_it_uses() -> None:
    text = script("complete").text
    for needed, by in (
        ("fields_of", "take_run"),
        ("read_time", "record_outcomes"),
        ("is_run", "take_run"),
    ):
        before = re.search(rf"^local (?:function )?{needed}\b", text, re.MULTILINE)
        assert before, needed
        assert before.start() < text.index(f"local function {by}")
