"""Refreshes the generated parts of the documentation: ``docs/refresh.py [--check | --run]``.

A generated part is between ``<!-- generated: NAME -->`` and ``<!-- end -->``. Its text comes from
the source of the fact (the life-cycle tables, the key schema, the headers of the Lua scripts). The
two cannot differ for long: a test runs ``--check``, which changes nothing and exits with 1 if a
part is stale. The rest of these files is not changed.

Two pages are generated as a whole: the reference from the docstrings (render_api.py), and the
tutorial from its script (render_tutorial.py). The script is run when its text has changed, or
with ``--run``; a test compares its output with the page.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import render_tutorial
from render_acl import acl_file, acl_rules, old_acl_rules
from render_api import api_page
from render_causes import cause_table
from render_commands import command_sections, common_flags
from render_events import event_rows, foreign_rows
from render_json import json_sections, json_table

from flowkit import cli
from flowkit.core.states import TASK_TABLE, mermaid
from flowkit.daemon.exit_codes import MEANING
from flowkit.protocol import keys
from flowkit.protocol.keys import Keys

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(
    ROOT / page
    for page in (
        "docs/README.md",
        "docs/architecture.md",
        "docs/howto/logging.md",
        "docs/howto/secure-redis.md",
        "docs/howto/why.md",
        "docs/reference/commands.md",
        "docs/reference/json.md",
        "docs/reference/life-cycle.md",
    )
)
API, TUTORIAL = ROOT / "docs" / "api.md", render_tutorial.PAGE
SCRIPTS = Path(keys.__file__).parent / "lua"

_PART = re.compile(r"(<!-- generated: (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HEADER = re.compile(r"-- (?P<field>[A-Z]+) +(?P<text>.*)")


def life_cycle() -> str:
    """Return the diagram of a task's life cycle."""
    return f"```mermaid\n{mermaid(TASK_TABLE)}\n```"


def key_table() -> str:
    """Return one row per key of the schema, in the order in which it is written down."""
    return _table(("Key", "Type", "What it holds, who writes it, when it dies"), _keys())


def _keys() -> Iterator[tuple[str, ...]]:
    prefix = Keys("ns").prefix
    for name, method in vars(Keys).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        holes = [f"<{hole}>" for hole in list(inspect.signature(method).parameters)[1:]]
        kind, _, text = inspect.cleandoc(method.__doc__ or "").partition(":")
        key = method(Keys("ns"), *holes).removeprefix(prefix)
        yield f"`{key}`", kind.lower(), " ".join(text.split())


def script_table() -> str:
    """Return one row per Lua script: what it does, its replies, what it keeps true."""
    headers = [header(path.read_text()) for path in sorted(SCRIPTS.glob("*.lua"))]
    rows = [
        (f"`{item['NAME']}`", item["WHAT"], f"`{item['REPLY']}`", item["KEEPS"]) for item in headers
    ]
    return _table(("Script", "What it does", "Reply", "What it keeps true"), rows)


def header(text: str) -> dict[str, str]:
    """Return the fields of a script's header; its first line is ``NAME`` and ``WHAT``."""
    lines = text.partition("\n\n")[0].splitlines()
    name, _, what = lines[0].removeprefix("-- ").partition(": ")
    fields, field = {"NAME": name, "WHAT": what}, "WHAT"
    for line in lines[1:]:
        match = _HEADER.fullmatch(line)
        if match:
            field = match["field"]
            fields[field] = match["text"]
        else:
            fields[field] += " " + line.removeprefix("--").strip()
    return {field: text.strip().rstrip(".") for field, text in fields.items()}


def command_table() -> str:
    """Return one row per command of ``flowkit``, as ``flowkit --help`` has them."""
    rows = [(f"`flowkit {name}`", about) for name, (_, about) in cli._COMMANDS.items()]
    return _table(("Command", "What it does"), rows)


def exit_code_table() -> str:
    """Return one row per exit code of ``flowkit``."""
    rows = [(str(code.value), f"{text[0].upper()}{text[1:]}.") for code, text in MEANING.items()]
    return _table(("Code", "Meaning"), rows)


def howto_list() -> str:
    """Return a link to each how-to page, by its title."""
    pages = sorted((ROOT / "docs" / "howto").glob("*.md"))
    titles = [page.read_text().partition("\n")[0].removeprefix("# ") for page in pages]
    lines = [f"- [{title}](howto/{page.name})" for title, page in zip(titles, pages, strict=True)]
    return "\n".join(lines)


def event_table() -> str:
    """Return one row per event of the vocabulary (flowkit/events)."""
    head = ("Event", "Level", "Fields", "When it is written, and by what")
    return _table(head, event_rows())


def foreign_line_table() -> str:
    """Return one row per kind of line that is no event of flowkit."""
    head = ("Other line", "Level", "Fields", "When it is written")
    return _table(head, foreign_rows())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|").replace("``", "`") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


PARTS: dict[str, Callable[[], str]] = {
    "life_cycle": life_cycle,
    "commands": command_table,
    "exit_codes": exit_code_table,
    "common_flags": common_flags,
    "causes": cause_table,
    "command_sections": command_sections,
    "howto": howto_list,
    "json_documents": json_table,
    "json_sections": json_sections,
    "keys": key_table,
    "events": event_table,
    "foreign_lines": foreign_line_table,
    "scripts": script_table,
    "acl": acl_rules,
    "acl_file": acl_file,
    "acl_old": old_acl_rules,
}


def refreshed(text: str) -> str:
    """Return a page with its generated parts refreshed. Raises KeyError for an unknown name."""
    return _PART.sub(lambda result: f"{result[1]}{PARTS[result['name']]()}\n{result[3]}", text)


def is_fresh(page: Path) -> bool:
    """Return whether a page is up to date. Nothing is run for this."""
    text = page.read_text() if page.exists() else ""
    if page == TUTORIAL:
        return render_tutorial.is_fresh(render_tutorial.SCRIPT.read_text(), text)
    return text == fresh(page)


def fresh(page: Path) -> str:
    """Return a page as it should be. For the tutorial, its script is run."""
    if page == API:
        return api_page()
    if page == TUTORIAL:
        script = render_tutorial.SCRIPT.read_text()
        return render_tutorial.written(script, render_tutorial.outputs(script))
    return refreshed(page.read_text())


def main(words: list[str]) -> int:
    """Refresh the pages, or with ``--check`` name the stale ones; return the exit code."""
    stale = [page for page in (*PAGES, API, TUTORIAL) if not is_fresh(page)]
    if "--run" in words and TUTORIAL not in stale:
        stale.append(TUTORIAL)
    for page in stale:
        print(f"{page.relative_to(ROOT)} is stale: run python docs/refresh.py")
        if "--check" not in words:
            page.write_text(fresh(page))
    return 1 if stale and "--check" in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
