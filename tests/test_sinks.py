"""Every place that writes to a standard stream is known, and says why that does no harm.

A new ``print`` or ``click.echo`` fails here until it is listed with the reason, and its text is put
through tests/library/test_harmless_text.py or tests/cli/test_cli_harmless.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ESCAPED = "what comes from elsewhere is escaped right there"
OWN = "a text of our own, or an error of ours, whose text is escaped"
KNOWN = {
    "flowkit/daemon/options.py:end_as:click.echo": OWN,
    "flowkit/cli/dag_command.py:_write_parameters:formatter.write": ESCAPED,
    "flowkit/cli/dag_command.py:_write_parameters:formatter.write_text": ESCAPED,
    "flowkit/cli/dev.py:_print_line:click.echo": ESCAPED,
    "flowkit/cli/dev.py:_print_line:write_output": "output of tasks",
    "flowkit/daemon/options.py:_note_parent_file:click.echo": ESCAPED,
    "flowkit/cli/display.py:_print_output:write_output": "output of tasks",
    "flowkit/cli/display.py:_write_line:write_text": "callers escape: note, line and _print_output",
    "flowkit/cli/live_display.py:_write_line:self._console.print": "the same, without markup",
    "flowkit/cli/output.py:say:click.echo": ESCAPED,
    "flowkit/cli/output.py:note:click.echo": ESCAPED,
    "flowkit/cli/output.py:say_indented:click.echo": ESCAPED,
    "flowkit/cli/output.py:fail:click.echo": ESCAPED,
    "flowkit/cli/print_json.py:_print:click.echo": "JSON in ASCII",
    "flowkit/cli/output.py:print_table:click.echo": ESCAPED,
    "flowkit/cli/output.py:_print_rich:console.print": "cells are escaped, and no markup is read",
    "flowkit/daemon/health.py:main:print": ESCAPED,
    "flowkit/dashboard/health.py:main:print": ESCAPED,
    "flowkit/cli/export.py:export:sys.stdout.buffer.write": "the file, where the user asks for it",
    "flowkit/cli/logs.py:_print_lines:click.echo": ESCAPED,
    "flowkit/logging/records.py:log_line:"
    "(sys.stderr if stream == 'stderr' else sys.stdout).write": (
        "a task's line where the task would have written it itself: logging of the user's has "
        "disabled flowkit's logger"
    ),
    "flowkit/logging/output.py:emit:write_text": "a formatter's line: both forms escape",
    "flowkit/logging/records.py:report_broken:stream_beneath(sys.stderr).write": ESCAPED,
    "flowkit/logging/streams.py:write:self.beneath().write": "what user code writes itself",
    "flowkit/system.py:print_line:write_text": ESCAPED,
    "flowkit/system.py:print_line:write_output": "output of tasks",
    "flowkit/basics/terminal.py:write_text:stream.write": "the one function that writes",
    "flowkit/basics/terminal.py:write_output:write_text": ESCAPED,
    "flowkit/basics/terminal.py:show_traceback:write_text": ESCAPED,
}
# Methods of these names write to other things than a standard stream.
ELSEWHERE = {
    "os.write": "pipes between our processes",
    "file.write": "a state file",
    "self.write": "a state file",
    "self._file.write": "a state file",
    "file.write_text": "the file that leads a browser to the page",
    "output.write_text": "the file that flowkit graph --output names",
}
WRITERS = {"print", "echo", "secho", "write", "writelines", "write_text", "write_output"}


def written(tree: ast.AST, function: str = "") -> Iterator[str]:
    """Yield ``function:call`` for each call that may write to a standard stream."""
    for node in ast.iter_child_nodes(tree):
        inner = function
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = node.name
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.rpartition(".")[2] in WRITERS and name not in ELSEWHERE:
                yield f"{function}:{name}"
        yield from written(node, inner)


def places() -> set[str]:
    return {
        f"{path.relative_to(ROOT).as_posix()}:{place}"
        for folder in ("flowkit", "scheduler", "worker")
        for path in (ROOT / folder).rglob("*.py")
        for place in written(ast.parse(path.read_text()))
    }


def test_every_writing_place_is_known() -> None:
    assert places() - KNOWN.keys() == set()


def test_no_listed_place_is_outdated() -> None:
    assert KNOWN.keys() - places() == set()


def test_warnings_of_ours_would_be_noticed() -> None:
    """``warnings.warn`` writes to standard error too; nothing of ours uses it."""
    for folder in ("flowkit", "scheduler", "worker"):
        for path in (ROOT / folder).rglob("*.py"):
            assert "warnings.warn" not in path.read_text(), path


def test_a_new_place_is_noticed() -> None:
    result = written(ast.parse("def f():\n    print(1)\n    os.write(1, b'')\n    a.b.echo(2)\n"))
    assert sorted(result) == ["f:a.b.echo", "f:print"]
