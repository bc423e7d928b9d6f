"""Writes the generated parts of the documentation anew: ``python docs/refresh.py [--check]``.

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``. Its text comes
from where the fact is kept (the life-cycle tables, the key schema, the headers of the Lua
scripts), so the two cannot differ for long: a test runs ``--check``, which changes nothing and
exits with 1 if a part is stale. Everything else in those files is left as it is.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from flowkit import cli
from flowkit.cli.exit_codes import MEANING
from flowkit.core.states import TASK_TABLE, mermaid
from flowkit.protocol import keys
from flowkit.protocol.keys import Keys

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "architecture.md")
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
    """Return one row per Lua script: what it does, what it answers, what it keeps true."""
    headers = [header(path.read_text()) for path in sorted(SCRIPTS.glob("*.lua"))]
    rows = [(f"`{one['NAME']}`", one["WHAT"], f"`{one['REPLY']}`", one["KEEPS"]) for one in headers]
    return _table(("Script", "What it does", "Reply", "What it keeps true"), rows)


def header(text: str) -> dict[str, str]:
    """Return the fields of a script's header; its first line is ``NAME`` and ``WHAT``."""
    lines = text.partition("\n\n")[0].splitlines()
    name, _, what = lines[0].removeprefix("-- ").partition(": ")
    fields, field = {"NAME": name, "WHAT": what}, "WHAT"
    for line in lines[1:]:
        found = _HEADER.fullmatch(line)
        if found:
            field = found["field"]
            fields[field] = found["text"]
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


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|").replace("``", "`") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


PARTS: dict[str, Callable[[], str]] = {
    "life_cycle": life_cycle,
    "commands": command_table,
    "exit_codes": exit_code_table,
    "keys": key_table,
    "scripts": script_table,
}


def refreshed(text: str) -> str:
    """Return a page with its generated parts written anew. Raises KeyError for an unknown name."""
    return _PART.sub(lambda found: f"{found[1]}{PARTS[found['name']]()}\n{found[3]}", text)


def main(words: list[str]) -> int:
    """Refresh the pages, or with ``--check`` name the stale ones; return the exit code."""
    stale = [page for page in PAGES if page.read_text() != refreshed(page.read_text())]
    for page in stale:
        print(f"{page.relative_to(ROOT)} is stale: run python docs/refresh.py")
        if "--check" not in words:
            page.write_text(refreshed(page.read_text()))
    return 1 if stale and "--check" in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
