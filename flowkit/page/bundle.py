"""Makes one script of the modules of the page, for the file of an exported run.

A browser loads no module from a file beside a page that was opened from disk, and a policy that
allows modules in ``data:`` or ``blob:`` addresses would allow such scripts of anybody. So each
module becomes a function in one script, and the policy allows this script alone, by its hash. The
text of a module stays as it is, but for its imports and exports:

    import { a, b as c } from "./x.js";      const { a, b: c } = load("x.js");
    export function f                        function f, and a getter of f at the end
    import(`./views/${name}.js`)             later("frame.js", `./views/${name}.js`)

It refuses a module that has them in another form, since a part of it would be lost, and a name that
is imported and not exported. What is imported later is in the script only if the caller names it:
forms of actions are not. The modules that know of a server have others in their place
(``INSTEAD``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from posixpath import dirname, join, normpath

START = "recorded/app.js"
INSTEAD = {name: f"recorded/{name}" for name in ("address_bar.js", "api.js", "moments.js")}
_IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\.\.?/[\w./-]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|const|class)", re.MULTILINE)
_EXPORTED = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)
_EXPORTED_LIST = re.compile(r"^export \{([^}]*)\};$", re.MULTILINE)
_LATER = re.compile(r"\bimport\((?=[`\"])")
_LEFT = re.compile(r"^(?:import|export)\b|\bimport\(", re.MULTILINE)

_HEAD = """\
"use strict";
const known = new Map();
const made = new Map();
const define = (name, make) => known.set(name, make);
function load(name) {
  if (!made.has(name)) {
    const module = {};
    made.set(name, module);
    known.get(name)(module);
  }
  return made.get(name);
}
async function later(from, to) {
  const name = new URL(to, `http://modules/${from}`).pathname.slice(1);
  if (!known.has(name)) throw new Error("A recording has one run alone.");
  return load(name);
}
"""


def bundle(read: Callable[[str], str], further: Iterable[str]) -> str:
    """Return a script of ``START`` and all modules that it imports.

    ``read``: returns the text of a module by its path below ``static``. ``further``: modules that
    are imported when they are needed. Raises ValueError for a module in a form that is not known.
    """
    parts: dict[str, str] = {}
    waiting = [START, *further]
    while waiting:
        name = waiting.pop()
        if name in parts:
            continue
        text = read(name)
        for match in _IMPORT.finditer(text):
            target = _target(name, match[2])
            wanted = {word.split(" as ")[0] for word in _words(match[1])}
            if missing := wanted - set(_exports(read(target))):
                raise ValueError(f"{target} exports no {min(missing)}, which {name} imports")
            waiting.append(target)
        parts[name] = _function(name, text)
    script = "".join([_HEAD, *(parts[name] for name in sorted(parts)), f'load("{START}");\n'])
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError("a module of the page has a text that would end its script")
    return script


def _target(name: str, given: str) -> str:
    """Return the module that a module gets for an import."""
    found = normpath(join(dirname(name), given))
    return found if name.startswith("recorded/") else INSTEAD.get(found, found)


def _words(listed: str | None) -> list[str]:
    """Return the names in braces."""
    return [word.strip() for word in (listed or "").split(",") if word.strip()]


def _exports(text: str) -> list[str]:
    """Return the names that a module exports."""
    return [*_EXPORTED.findall(text), *(w for m in _EXPORTED_LIST.findall(text) for w in _words(m))]


def _function(name: str, text: str) -> str:
    names = _exports(text)

    def imported(match: re.Match[str]) -> str:
        load = f'load("{_target(name, match[2])}");'
        return load if match[1] is None else f"const {{{match[1].replace(' as ', ': ')}}} = {load}"

    body = _EXPORTED_LIST.sub("", _EXPORT.sub("", _IMPORT.sub(imported, text)))
    body = _LATER.sub(f'later("{name}", ', body)
    if left := _LEFT.search(body):
        line = body[left.start() :].partition("\n")[0]
        raise ValueError(f"{name} cannot be inlined: {line!r} has a form that is not known")
    given = "".join(f"  get {word}() {{ return {word}; }},\n" for word in names)
    return (
        f'define("{name}", (module) => {{\n'
        f"Object.defineProperties(module, Object.getOwnPropertyDescriptors({{\n{given}}}));\n"
        f"{body}}});\n"
    )
