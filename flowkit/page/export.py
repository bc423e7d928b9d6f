"""The file of an exported run: one page, with all that it needs in it.

The template gets a style, a script and data. The script is the modules of the page
(``bundle``), the data is the document of a recording as JSON. A policy allows this script and this
style by their hashes, and nothing else: no other script, no picture, no network. So text in the
data that some fault would put into the page as markup can do nothing, and the file tells nobody
that it was opened.

JSON in a page ends where the page says ``</script>``, whatever it means in JSON. So ``<``, ``>``
and ``&`` are written as escapes. So are characters that nobody sees, or that would change a
terminal: the file may be read as text, to look for secrets.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from .bundle import bundle

# Lists of objects that have the same fields. They are written as one list of names, and a list of
# values for each object: a third of the size.
TABLES = ("attempts", "items", "lines", "results", "arguments")
_NOT_PLAIN = re.compile(
    "[<>&\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
    "|[\U000e0000-\U000e007f]"
)
_HOLE = re.compile(r"\{\{ (\w+) \}\}")


def recording_page(recording: Mapping[str, object]) -> str:
    """Return the page of a recording: a document of ``flowkit/recording/1`` as JSON values."""
    script, style, template = _parts()
    values = {
        "policy": (
            f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
            "base-uri 'none'; form-action 'none'"
        ),
        "style": style,
        "script": script,
        "data": data_text(recording),
    }
    return _HOLE.sub(lambda hole: values[hole[1]], template)


def data_text(recording: Mapping[str, object]) -> str:
    """Return the data of a recording as JSON that may stand in a page."""
    lists = {name: recording[name] for name in TABLES}
    tables = {name: table(rows) for name, rows in lists.items() if isinstance(rows, list)}
    rest = {name: value for name, value in recording.items() if name not in tables}
    text = json.dumps({**rest, "tables": tables}, ensure_ascii=False, separators=(",", ":"))
    return _NOT_PLAIN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    """Return a character as JSON may write any: as one or two units of UTF-16."""
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def table(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return objects with the same fields as a table.

    ``same``: the fields that have the same value in all of them. ``fields``: the others; each of
    ``rows`` has their values.
    """
    if not rows:
        return {"same": {}, "fields": [], "rows": []}
    first = rows[0]
    same = {
        name: value
        for name, value in first.items()
        if _is_short(value) and all(_is_same(row[name], value) for row in rows)
    }
    fields = [name for name in first if name not in same]
    return {
        "same": same,
        "fields": fields,
        "rows": [[row[name] for name in fields] for row in rows],
    }


def _is_short(value: object) -> bool:
    return not value or not isinstance(value, list | dict)


def _is_same(value: object, other: object) -> bool:
    """Return whether two short values are the same in JSON, where 1 is neither true nor 1.0."""
    return type(value) is type(other) and value == other


@cache
def _parts() -> tuple[str, str, str]:
    """Return the script, the style and the template."""
    folder = files("flowkit.page")
    static = folder / "static"

    def read(name: str) -> str:
        return static.joinpath(*name.split("/")).read_text("utf-8")

    tabs = sorted(file.name for file in (static / "tabs").iterdir() if file.name.endswith(".js"))
    further = ["views/run.js", "views/task.js", *(f"tabs/{name}" for name in tabs)]
    template = (folder / "templates" / "recording.html").read_text("utf-8")
    return bundle(read, further), read("style.css"), template


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
