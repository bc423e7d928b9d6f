"""The modules of the page that need no browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from javascript import UNDEFINED, Modules

from flowkit.core.states import RunState, TaskState
from flowkit.dashboard.pages import VIEWS
from flowkit.dashboard.static_files import page_folder

STATIC = page_folder() / "static"
# What makes markup or code of text. Nothing of the page may use it.
DANGEROUS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment"
    r"|\beval\b|new Function|setTimeout\(\s*[\"'`]|javascript:|srcdoc|\.on\w+ =|https?://(?!www\.w3\.org/)"
)


@pytest.fixture(scope="module")
def format_() -> Modules:
    return Modules("format.js")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0451, "45 ms"),
        (-1, "0 ms"),
        (3.24, "3.2 s"),
        (59.4, "59 s"),
        (303, "5 min 3 s"),
        (7500, "2 h 5 min"),
        (3 * 86400 + 4 * 3600, "3 d 4 h"),
        (None, ""),
        (UNDEFINED, ""),
    ],
)
def test_a_duration(format_: Modules, seconds: object, text: str) -> None:
    assert format_.call("span", seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "just now"), (-9, "just now"), (59, "59 s ago"), (3600, "1 h ago"), (10**6, "11 d ago")],
)
def test_how_long_ago(format_: Modules, seconds: int, text: str) -> None:
    assert format_.call("ago", 10**12, 10**12 + seconds * 1000) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 40, "3.0 TiB"), (None, "")],
)
def test_a_size(format_: Modules, size: object, text: str) -> None:
    assert format_.call("bytes", size) == text


def test_a_count(format_: Modules) -> None:
    assert format_.call("counted", 1, "task") == "1 task"
    assert format_.call("counted", 2, "entry", "entries") == "2 entries"


def test_every_state_has_a_letter_a_symbol_and_a_word() -> None:
    states = Modules("states.js")
    known = {state.value for state in (*TaskState, *RunState)}
    assert known <= set(states.call("(() => STATES)"))
    looks = [states.call("looks", name) for name in sorted(known)]
    assert len({look["symbol"] for look in looks}) == len(looks)
    assert len({look["letter"] for look in looks}) == len(looks)
    for name, look in zip(sorted(known), looks, strict=True):
        assert states.call("stateOf", look["letter"]) == name
    assert states.call("looks", "<b>")["word"] == "<b>"


@pytest.mark.parametrize(
    ("state", "counts", "text"),
    [
        ("running", {"queued": 3, "waiting": 1, "succeeded": 2}, "3 queued, 1 waiting"),
        ("running", {"waiting": 1}, "1 waiting"),
        ("running", {"queued": 3, "running": 1}, ""),
        ("running", {"pending": 2}, ""),
        ("failed", {"queued": 3}, ""),
    ],
)
def test_a_run_of_which_no_task_runs(state: str, counts: dict[str, int], text: str) -> None:
    assert Modules("states.js").call("standing", {"state": state, "counts": counts}) == text


def test_an_address_opens_its_view() -> None:
    router = Modules("router.js")
    for path, view in VIEWS.items():
        example = (
            path.replace("{run}", "r1").replace("{task:path}", "t").replace("{name:path}", "d")
        )
        assert router.call("viewOf", example)["view"] == view
    assert router.call("viewOf", "/") == {"view": "runs", "names": {}}
    assert router.call("viewOf", "/nothing/here") is None


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.js")), ids=lambda path: path.name)
def test_no_module_makes_markup_or_code_of_text(path: Path) -> None:
    assert DANGEROUS.findall(path.read_text("utf-8")) == []


def test_the_styles_load_nothing() -> None:
    assert "url(" not in (STATIC / "style.css").read_text("utf-8")
    assert "@import" not in (STATIC / "style.css").read_text("utf-8")


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_text_can_be_read_in_light_and_dark() -> None:
    themes = re.findall(r":root \{(.*?)\n *\}", (STATIC / "style.css").read_text("utf-8"), re.S)
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#\w{6});", theme))
        grounds = [colours.pop("ground"), colours.pop("raised")]
        colours.pop("line")  # no text
        assert len(colours) > 10
        for ground in grounds:
            low = {name for name, colour in colours.items() if contrast(colour, ground) < 4.5}
            assert not low, ground
    assert round(contrast("#000000", "#ffffff"), 1) == 21.0


def test_what_is_said_of_a_stream_that_was_refused() -> None:
    stream = Modules("stream.js")
    problem = "((...given) => problemOf(given.length ? new Refused(...given) : new Error('x')))"
    assert "does not answer" in stream.call(problem)["text"]
    entry = stream.call(problem, 401, "NotLoggedIn", "Open the address.")
    assert entry["login"]
    assert entry["text"].endswith("Open the address.")
    assert stream.call(problem, 503, "TooManyStreams", "Close some.")["text"].startswith("Close")
