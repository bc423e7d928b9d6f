"""Runs the modules of the page that need no browser, in an engine without one.

The engine has no loader of modules, so a module and what it imports become one script: imports are
left out, and what is exported is global.
"""

from __future__ import annotations

import json
import re
from posixpath import dirname, join, normpath
from typing import Any

import quickjs

from flowkit.dashboard.static_files import page_folder

_IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"(\.\.?/[\w/.-]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:(?=(?:async )?function|const|class)|\{[^}]*\};\n)", re.MULTILINE)
# What modules read when they are loaded, and what pure functions use of a browser.
BROWSER = """
var documentElement = { dataset: { root: "/root" } };
var document = { documentElement, addEventListener() {}, hidden: false };
var location = { pathname: "/root/", search: "", origin: "http://here" };
function addEventListener() {}
"""


class Modules:
    """Some modules of the page, as one script."""

    def __init__(self, *names: str) -> None:
        self._context = quickjs.Context()
        self._context.eval(BROWSER)
        self._loaded: set[str] = set()
        for name in names:
            self._load(name)

    def _load(self, name: str) -> None:
        if name in self._loaded:
            return
        self._loaded.add(name)
        text = (page_folder() / "static" / name).read_text("utf-8")
        for inner in _IMPORT.findall(text):
            self._load(normpath(join(dirname(name), inner)))
        script = _EXPORT.sub("", _IMPORT.sub("", text))
        # `const` and `class` would be seen in their own script only.
        self._context.eval(re.sub(r"^(?:const|let|class) (\w+)", _as_global, script, flags=re.M))

    def call(self, function: str, *arguments: object) -> Any:
        """Call a function with JSON values and return its result as one."""
        given = ", ".join(
            "undefined" if item is UNDEFINED else json.dumps(item) for item in arguments
        )
        text = self._context.eval(f"JSON.stringify({function}({given}) ?? null)")
        return json.loads(text)

    def play(self, script: str) -> Any:
        """Run a script that sets ``result``, and what it has begun; return the result as JSON."""
        self._context.eval(script)
        while self._context.execute_pending_job():
            pass
        return json.loads(self._context.eval("JSON.stringify(result)"))


UNDEFINED = object()


def _as_global(match: re.Match[str]) -> str:
    name = match.group(1)
    return f"var {name} = class {name}" if match.group(0).startswith("class") else f"var {name}"
