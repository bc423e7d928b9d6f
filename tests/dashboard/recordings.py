"""Reads the file of an exported run, as a browser does."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from javascript import Modules

DATA = re.compile(r'<script type="application/json" id="recording">(.*?)</script>', re.DOTALL)


class Parts(HTMLParser):
    """The elements of a page, and the texts of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self.policy = ""
        self._in = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in = tag
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag in self.texts:
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in self.texts:
            self.texts[self._in][-1] += data


def data_of(page: str) -> str:
    """Return the JSON in a page."""
    found = DATA.search(page)
    assert found is not None
    return found[1]


def recording_of(page: str) -> dict[str, Any]:
    """Return the recording in a page, as its script reads it."""
    script = Modules("recorded/tables.js")
    read = script.call("read", data_of(page))
    assert isinstance(read, dict)
    return read
