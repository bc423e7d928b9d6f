"""Text that attacks those who show it, and what has to become of it.

Every test that shows text from outside takes it from here, so that all places face all attacks.
"""

from __future__ import annotations

import unicodedata

NASTY = {
    "clear the screen": "\x1b[2J",
    "hidden text": "\x1b[8mhidden\x1b[0m",
    "a link": "\x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\",
    "a window title": "\x1b]0;title\x07",
    "an open title": "\x1b]0;title",
    "device control": "\x1bP+q544e\x1b\\",
    "a sequence of one C1": "\x9b31m",
    "a title of C1s": "\x9d0;t\x9c",
    "bell": "a\x07b",
    "backspace": "good\x08\x08\x08\x08evil",
    "null": "a\x00b",
    "delete": "a\x7fb",
    "carriage return": "good\rFORGED",
    "line feed": "good\nFORGED",
    "vertical tab": "good\vFORGED",
    "form feed": "good\fFORGED",
    "next line": "good\x85FORGED",
    "line separator": "good\u2028FORGED",
    "paragraph separator": "good\u2029FORGED",
    "right to left": "\u202egnp.exe",
    "isolate": "\u2066a\u2069",
    "arabic letter mark": "\u061ca",
    "invisible tags": "a\U000e0041\U000e0042",
    "zero width space": "a\u200bb",
    "half of a surrogate pair": "a\ud800b",
    "markup of rich": "[red]x[/red][link=https://evil.example]y[/link]",
    "an emoji of rich": ":bomb:",
    "a script": "</text></svg><script>alert(1)</script>",
    "an attribute": "\"' onload='alert(1)",
    "a label's end": '"]:::x; click t0 "javascript:alert(1)',
    "a label of Graphviz": '\\"] [URL="javascript:alert(1)',
}
# Names of tasks and DAGs may not hold line ends and control characters; what may be in a name:
NASTY_NAMES = {
    what: text
    for what, text in NASTY.items()
    if not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)
}


def harmful(shown: str) -> list[str]:
    """Return the characters of a text that a terminal must not be sent; a line feed is none."""
    return [
        repr(char)
        for char in shown
        if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


def forged(shown: str) -> list[str]:
    """Return the lines that a text from outside could begin by itself."""
    return [line for line in shown.split("\n") if line.startswith("FORGED")]
