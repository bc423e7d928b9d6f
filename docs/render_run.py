"""Redraws two pictures of the documentation: ``python docs/render_run.py`` (about a minute).

- ``docs/run.svg``: what ``flowkit graph`` draws of a run of the example while it runs;
- ``docs/terminal.svg``: what ``flowkit run`` of the example shows on a terminal at about that time.

Both are recorded from real runs, so they differ a little each time. Nothing is drawn by hand.
"""

from __future__ import annotations

import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from select import select
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

if TYPE_CHECKING:
    from flowkit.client.status import RunStatus

ROOT = Path(__file__).resolve().parents[1]
APP = "examples/stdlib_report.py"
RUN, TERMINAL = ROOT / "docs" / "run.svg", ROOT / "docs" / "terminal.svg"
COLUMNS, ROWS = 100, 40
HALF_WAY = 15  # items that have succeeded, of about 46
DEADLINE_S = 300.0

# All up to the end of the first bar that shows a number of tasks between 20 and 29.
_HALF_WAY_BAR = re.compile(r".*?(?<!\d)2\d/\d+[^\r\n]*(?=\r)", re.DOTALL)
_CONTROL = re.compile(r"\x1b\[(?P<number>\d*)(?P<verb>[ABKGJ])|\x1b\[\?25[lh]|\r|\n")
_FROM_OUTSIDE = re.compile(r"@font-face \{.*?\}\n?", re.DOTALL)


def draw_run(folder: Path) -> str:
    """Run the example on separate daemons; return the drawing of the run halfway through."""
    from flowkit.cli.loading import load_dag
    from flowkit.system import LocalSystem

    loaded = load_dag(str(ROOT / APP))
    app, dag = loaded.app, loaded.dag
    deadline = time.monotonic() + DEADLINE_S
    with LocalSystem(app, processes=2) as system, system.client() as client:
        handle = client.submit(dag, params={"out": str(folder)})
        while _items_over(status := handle.status()) < HALF_WAY:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{APP} was not half way through after {DEADLINE_S:g} s")
            time.sleep(0.05)
        picture = status.to_svg()
        handle.wait(timeout=DEADLINE_S)
    return picture


def _items_over(status: RunStatus) -> int:
    """Return how many items of mapped tasks have succeeded."""
    return sum((task.items or {}).get("succeeded", 0) for task in status.tasks)


def record_terminal(folder: Path) -> str:
    """Run ``flowkit run`` on a terminal; return its screen halfway through."""
    written = ""
    for text in _output_of(["flowkit", "run", str(ROOT / APP)], folder):
        written += text
        bar = _HALF_WAY_BAR.match(written)
        if bar:
            return screen(bar[0])
    raise TimeoutError(f"flowkit run {APP} showed no progress bar half way through")


def _output_of(words: list[str], folder: Path) -> Iterator[str]:
    """Yield what a command writes to its terminal. Leaving the loop ends the command."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    program = Path(sys.executable).with_name(words[0])
    environ = {name: text for name, text in os.environ.items() if not name.startswith("FLOWKIT_")}
    process = subprocess.Popen(
        [program, *words[1:]],
        cwd=folder,
        env=environ | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        with suppress(OSError):  # EIO: the command has ended
            while select([ours], [], [], DEADLINE_S)[0]:
                yield os.read(ours, 65536).decode(errors="replace")
    finally:
        process.terminate()
        process.wait()
        os.close(ours)


def screen(written: str) -> str:
    """Return what a terminal shows after ``written``, colours included.

    It knows the control sequences that a progress bar needs: back to the first column, up and
    down, and erasing a line. Text replaces its line and is not merged with the previous text.
    """
    lines, at, end = [""], 0, 0
    for control in _CONTROL.finditer(written):
        lines[at] += written[end : control.start()]
        end = control.end()
        if control[0] == "\n":
            at += 1
            lines += [""] * (at == len(lines))
        elif control["verb"] == "A":
            at = max(0, at - int(control["number"] or 1))
        elif control["verb"] == "K":
            lines[at] = ""
    lines[at] += written[end:]
    return "\n".join(lines)


def terminal_svg(command: str, shown: str) -> str:
    """Return a terminal with the command and what it has written, as SVG.

    It is one text without external resources: viewers use their default font.
    """
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {command}", "bold"))
    console.print(Text.from_ansi(shown))
    picture = console.export_svg(title="flowkit", theme=SVG_EXPORT_THEME, unique_id="flowkit")
    return _FROM_OUTSIDE.sub("", picture).replace("Fira Code", "ui-monospace")


def main() -> int:
    """Write both pictures, and print their paths."""
    with tempfile.TemporaryDirectory() as folder:
        RUN.write_text(draw_run(Path(folder)) + "\n", encoding="utf-8")
        shown = record_terminal(Path(folder))
    TERMINAL.write_text(terminal_svg(f"flowkit run {APP}", shown), encoding="utf-8")
    for path in (RUN, TERMINAL):
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
