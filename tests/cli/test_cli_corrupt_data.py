"""Commands in a namespace that others have written to, on a terminal.

Nothing there steers the terminal, a traceback is no answer, and what is honest is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from console import Run, run_on_terminal
from corrupt_namespace import CorruptNamespace, corrupt_namespace
from forker import Forker
from json_schema import valid_document
from nasty import forged, harmful
from real_redis import RealRedis

OnTerminal = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def planted(redis_server: RealRedis) -> Iterator[CorruptNamespace]:
    with corrupt_namespace(redis_server.url) as planted:
        yield planted


@pytest.fixture
def on_terminal(planted: CorruptNamespace, environ: dict[str, str], forker: Forker) -> OnTerminal:
    """Run a command on a terminal that shows no colors; return its exit code and what it shows."""

    def run(*words: str) -> tuple[int, str]:
        variables = {"FLOWKIT_REDIS_URL": planted.url, "FLOWKIT_NAMESPACE": planted.namespace}
        return run_on_terminal(
            *words,
            environ={**environ, **variables, "TERM": "dumb", "COLUMNS": "200"},
            forker=forker,
        )

    return run


# Command → its exit code, and words that it shows.
HONEST = {
    ("ls", "--limit", "500"): (0, ["failed", "huge", "bad-0", "damaged: ", "unknown state: "]),
    ("workers",): (0, ["honest", "worker-0", "its description is dama", "no scheduler is runn"]),
    ("dead", "ls"): (0, ["breaks", "large-error", "Unreadable", "damaged: "]),
    ("dead", "show", "failed", "breaks"): (0, ["Task:     breaks", "Param:    param", "Traceback"]),
    ("status", "failed"): (0, ["State:     failed", "breaks", "Type \\x1b[2J"]),
    ("why", "failed"): (0, ["It began with task 'breaks', which failed: Type \\x1b[2J"]),
    ("why", "failed", "breaks"): (0, ["Task 'breaks' failed", "Type \\x1b[2J"]),
    ("why", "failed", "\x1b[2J"): (4, ["has no task '\\x1b[2J'"]),
    ("result", "failed"): (1, ["\\x1b[2J", "Task 'breaks' failed"]),
    ("graph", "--run", "failed"): (0, ["DAG: nasty", "breaks", "State: failed"]),
    ("graph", "--run", "failed", "--format", "mermaid"): (0, ["flowchart", "breaks"]),
    ("graph", "--run", "failed", "--format", "dot"): (0, ["digraph", "breaks"]),
    ("graph", "--run", "failed", "--format", "svg"): (0, ["<svg", "breaks"]),
    ("retry", "failed", "\x1b[2J"): (4, ["has no task '\\x1b[2J'"]),
    ("purge", "--older-than", "0", "--dry-run"): (0, ["that ended: ", "nasty"]),
    ("purge", "--older-than", "\x1b[2J"): (2, ["is not a duration"]),
    ("purge", "--state", "\x1b[2J"): (2, ["is not a state in which a run is over"]),
    ("status", "failed", "--state", "\x1b[2J"): (2, ["unknown state of a task"]),
    ("status", "failed", "--task", "\x1b[2J"): (0, ["No task matches"]),
    ("workers", "--queue", "\x1b[2J"): (0, ["DAMAGED"]),
    ("usage", "--dag", "\x1b[2J"): (0, ["DAMAGED"]),
    ("cancel", "failed"): (4, ["is already over"]),
    ("resume", "failed", "--from-task", "\x1b[2J"): (4, ["has no task '\\x1b[2J'"]),
    ("status", "\x1b[2J"): (2, ["is not a run id"]),
    ("--\x1b[2J",): (2, ["No such option", "\\x1b[2J"]),
    ("\x1b[2J",): (2, ["\\x1b[2J"]),
    ("dead", "ls", "\x1b[2J"): (2, ["\\x1b[2J"]),
}  # fmt: skip


@pytest.mark.parametrize("words", HONEST, ids=repr)
def test_it_is_shown_safely(on_terminal: OnTerminal, words: tuple[str, ...]) -> None:
    code, shown = on_terminal(*words)
    expected, parts = HONEST[words]
    assert "Traceback (most" not in shown, shown
    assert code == expected, shown
    assert [part for part in parts if part.lower() not in shown.lower()] == [], shown
    assert harmful(shown) == []
    if "svg" not in words:  # a document: lines of a tooltip are lines there too
        assert forged(shown) == []


COMMANDS: list[tuple[str, ...]] = [
    ("status",),
    ("result",),
    ("result", "breaks"),
    ("cancel",),
    ("resume",),
    ("retry",),
    ("dead", "retry"),
    ("dead", "show", "breaks"),
    ("graph", "--run"),
]


def about(run: str, words: tuple[str, ...]) -> list[str]:
    at = 2 if words[0] in ("dead", "graph") else 1
    return [*words[:at], run, *words[at:]]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("what", ["state is b'banana'", "total is b'9999999", "a list"])
def test_a_command_about_a_damaged_run_is_one_sentence(
    on_terminal: OnTerminal, planted: CorruptNamespace, words: tuple[str, ...], what: str
) -> None:
    run = next(run for run, damage in planted.damaged.items() if damage.startswith(what))
    code, shown = on_terminal(*about(run, words))
    assert code == 3, shown
    assert shown.startswith(f"Error: run '{run}' is damaged in Redis: ")
    assert shown.count("\n") == 1
    assert harmful(shown) == []


@pytest.mark.parametrize(
    "words", [("status",), ("why",), ("result",), ("graph", "--run")], ids=" ".join
)
@pytest.mark.parametrize("what", ["graph: gone", "graph: a bomb", "record: b'\\xff'", "records:"])
def test_a_command_about_a_partly_damaged_run(
    on_terminal: OnTerminal, planted: CorruptNamespace, words: tuple[str, ...], what: str
) -> None:
    run = next(run for run, damage in planted.unreadable.items() if damage.startswith(what))
    code, shown = on_terminal(*about(run, words))
    assert code == 3, shown
    assert shown.startswith("Error: ")
    assert run in shown
    assert "Traceback" not in shown
    assert harmful(shown) == []


@pytest.mark.parametrize("words", [("ls",), ("workers",), ("dead", "ls")], ids=" ".join)
def test_json_output_reports_damage(
    flowkit: Run, planted: CorruptNamespace, words: tuple[str, ...]
) -> None:
    variables = {"FLOWKIT_REDIS_URL": planted.url, "FLOWKIT_NAMESPACE": planted.namespace}
    done = flowkit(*words, "--json", **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert harmful(done.stdout) == []
    document = valid_document(done.stdout, f"flowkit/{'runs' if words == ('ls',) else words[0]}/1")
    assert document["damaged"]
    assert document["items"]


def test_a_damaged_result_hides_no_other(
    on_terminal: OnTerminal, planted: CorruptNamespace
) -> None:
    planted.put_run("results", 9, state=b"succeeded", kept=b"2")
    records = {"0": b"S1,W.0,0,1,9", "1": b"S1,W.0,0,1,9", "2": b"K0,,0,,"}
    planted.server.hset(planted.keys.tasks("results"), mapping=records)  # type: ignore[arg-type]
    values = {"0": b"\xc1", "1": b"\xa4kept"}
    planted.server.hset(planted.keys.results("results"), mapping=values)  # type: ignore[arg-type]
    code, shown = on_terminal("result", "results")
    assert code == 0, shown
    assert "'kept'" in shown
    assert "(damaged: " in shown
    code, shown = on_terminal("result", "results", "--json")
    assert (code, shown.count("\n")) == (3, 1), shown
    assert "To see which one: flowkit result results" in shown
