"""A DAG drawn as SVG: what is written in it, how large DAGs become small, what is refused."""

from __future__ import annotations

import re

import pytest
from drawn import make, read, stands

from flowkit import DAG, Task
from flowkit.core.states import TaskState
from flowkit.drawing.style import _DARK_CARD, _DARK_PAGE, CARD, LOOKS, PAGE
from flowkit.exceptions import DAGError

DONE, FAILED = TaskState.SUCCEEDED, TaskState.FAILED


def fan(count: int, name: str = "part_{}") -> DAG:
    return make("fan", *(f"cut {name.format(number)} total" for number in range(count)))


# -- what is written in it ---------------------------------------------------------------------


def test_a_box_has_its_name_and_an_edge_names_its_ends():
    drawn = read(make("etl", "extract load").to_svg())
    assert drawn.header == ["etl", "2 tasks · 1 edge"]
    assert [box.lines for box in drawn.boxes] == [["extract"], ["load"]]
    assert [edge.name for edge in drawn.edges] == ["extract → load"]


def test_an_empty_dag_is_drawn_in_words():
    drawn = read(DAG("nothing").to_svg())
    assert drawn.header == ["nothing", "Empty DAG (no tasks defined)"]
    assert drawn.boxes == []


def test_a_state_is_described_with_duration_and_attempt():
    error = "ValueError: no\nsuch thing"
    states = {"a": stands("a", DONE, 0.5), "b": stands("b", FAILED, 2.5, 3, error)}
    drawn = read(make("etl", "a b").to_svg(states))
    assert drawn.header == ["etl", "1 succeeded", "1 failed"]
    assert drawn.box("a").lines == ["a", "succeeded · 500 ms"]
    assert drawn.box("b").lines == ["b", "failed · 2.50 s · attempt 3"]
    assert drawn.box("b").tooltip[2:] == ["ValueError: no", "such thing"]


def test_a_long_name_is_cut_in_its_middle_and_whole_in_the_tooltip():
    name = "measure_the_standard_library_of_this_python_part_17"
    drawn = read(make("long", name).to_svg())
    (shown,) = drawn.box(name).lines
    assert len(shown) == 30
    assert shown.startswith("measure_the")
    assert shown.endswith("_part_17")
    assert "…" in shown


def test_an_endless_error_is_cut():
    drawn = read(make("a", "a").to_svg({"a": stands("a", FAILED, error="E: " + "x" * 10_000)}))
    assert len(drawn.box("a").tooltip[-1]) < 300


@pytest.mark.parametrize("name", ["<b>&amp;", 'a"b', "]]>", "\u202eevil", "日本 ｶﾅ"])
def test_any_name_is_harmless(name):
    with DAG(name) as dag:
        Task(lambda: 1, name=name) >> Task(lambda x: 1, name="other")
    drawn = read(dag.to_svg({name: FAILED}))
    shown = name.replace("\u202e", "\\u202e")
    assert drawn.header[0] == shown
    assert drawn.box(shown).lines[0] == shown
    assert drawn.edges[0].name == f"{shown} → other"


def test_text_that_xml_forbids_is_escaped():
    """What an error says is chosen by whoever raised it."""
    states = {"a": stands("a", FAILED, error="E: \x00\x1b[2J\udc80\ufffe")}
    svg = make("etl", "a").to_svg(states)
    assert read(svg).box("a").tooltip[-1] == r"E: \x00\x1b[2J\udc80\ufffe"
    assert svg.encode("utf-8")


def test_the_drawing_stands_alone():
    """Many drawings share a notebook's page: no ids that could clash, no rules for others."""
    svg = make("etl", "a b").to_svg({"a": DONE})
    assert not re.search(r"<script|\bid=|href|url\(|@import", svg)
    assert re.findall(r"https?://[^\"]*", svg) == ["http://www.w3.org/2000/svg"]
    style = svg.partition("<style>")[2].partition("</style>")[0]
    selectors = re.findall(r"(?:^|[}{,])\s*([^{},@]+?)\s*(?=[{,])", style, re.MULTILINE)
    assert {selector.split()[0] for selector in selectors if selector[0] in ".#"} == {".flowkit"}


def test_the_same_dag_gives_the_same_drawing():
    chains = ("a b c", "a c", "x c y", "b y")
    assert make("same", *chains).to_svg() == make("same", *chains).to_svg()


# -- colours -----------------------------------------------------------------------------------


def luminance(color: str) -> float:
    """Of "#rrggbb", as WCAG 2 defines it."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def mixed(color: str, share: float, ground: str) -> str:
    places = (1, 3, 5)
    pairs = [(int(color[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in places]
    return "#" + "".join(f"{round(item * share + two * (1 - share)):02x}" for item, two in pairs)


def test_every_state_has_a_look():
    assert set(LOOKS) == set(TaskState)


@pytest.mark.parametrize("state", TaskState)
def test_state_text_is_readable_in_light_and_dark(state):
    look = LOOKS[state]
    for ground in (PAGE, mixed(look.on_light, 0.09, CARD)):
        assert contrast(look.on_light, ground) >= 4.5
    for ground in (_DARK_PAGE, mixed(look.on_dark, 0.09, _DARK_CARD)):
        assert contrast(look.on_dark, ground) >= 4.5


@pytest.mark.parametrize("state", TaskState)
def test_a_state_that_occurs_has_its_colours_for_both_schemes(state):
    svg = make("one", "a").to_svg({"a": state})
    light, _, dark = svg.partition("@media (prefers-color-scheme:dark)")
    assert LOOKS[state].on_light in light
    assert LOOKS[state].on_dark in dark


# -- large ones --------------------------------------------------------------------------------


def test_a_small_dag_shows_each_task():
    assert len(read(fan(98).to_svg()).boxes) == 100


@pytest.mark.slow
def test_a_wide_dag_shows_a_stack():
    drawn = read(fan(5_000).to_svg())
    assert [box.lines for box in drawn.boxes] == [["cut"], ["part_…", "5,000 tasks"], ["total"]]
    assert [box.cards for box in drawn.boxes] == [1, 3, 1]
    assert [edge.name for edge in drawn.edges] == ["cut → part_…", "part_… → total"]
    assert drawn.boxes[1].tooltip[:2] == ["part_0", "part_1"]
    assert "… and 4,990 more" in drawn.boxes[1].tooltip
    assert drawn.header == ["fan", "5,002 tasks · 10,000 edges"]


def test_tasks_in_another_state_are_outside_the_stack():
    states = {f"part_{number}": stands("", DONE, number / 1000) for number in range(500)}
    states["part_7"] = stands("part_7", FAILED, 0.1, 2)
    drawn = read(fan(500).to_svg(states))
    assert drawn.box("part_7").lines == ["part_7", "failed · 100 ms · attempt 2"]
    assert drawn.box("part_0").lines == ["part_…", "499 tasks · succeeded · up to 499 ms"]
    assert drawn.header[1:] == ["499 succeeded", "1 failed"]


def test_parallel_chains_become_a_chain_of_stacks():
    chains = [f"cut clean_{at} count_{at} total" for at in range(300)]
    drawn = read(make("chains", *chains).to_svg())
    assert [box.lines[0] for box in drawn.boxes] == ["cut", "clean_…", "count_…", "total"]
    assert len(drawn.edges) == 3


def test_tasks_with_other_neighbours_are_drawn_separately():
    chains = [f"cut part_{at} {'left' if at % 2 else 'right'}" for at in range(200)]
    drawn = read(make("two", *chains).to_svg())
    stacks = [box.lines for box in drawn.boxes if box.cards > 1]
    assert stacks == [["part_…", "100 tasks"]] * 2


def test_a_long_chain_is_not_a_stack():
    drawn = read(make("chain", " ".join(f"n{at}" for at in range(150))).to_svg())
    assert len(drawn.boxes) == 150


def test_dissimilar_names_stay_separate_if_there_is_room():
    words = [f"load_{chr(97 + at // 26)}{chr(97 + at % 26)}" for at in range(200)]
    drawn = read(make("tables", *(f"cut {word}" for word in words)).to_svg())
    assert len(drawn.boxes) == 201


def test_without_room_names_do_not_matter():
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [f"load_{a}{b}{c}" for a in letters[:5] for b in letters for c in letters]
    drawn = read(make("tables", *(f"cut {word}" for word in words)).to_svg())
    assert [box.lines for box in drawn.boxes] == [["cut"], ["load_aaa … load_ezz", "3,380 tasks"]]


@pytest.mark.slow
def test_the_caller_may_ask_for_stacks_or_for_none():
    assert len(read(fan(10).to_svg(collapse=True)).boxes) == 3
    assert len(read(fan(200).to_svg(collapse=False)).boxes) == 202


def test_a_cycle_does_not_keep_a_large_dag_from_being_drawn():
    chains = [f"cut part_{at} total cut" for at in range(200)]
    drawn = read(make("round", *chains).to_svg())
    assert {edge.name: edge.back for edge in drawn.edges} == {
        "cut → part_…": False,
        "part_… → total": False,
        "total → cut": True,
    }


def test_a_drawing_that_is_still_too_large_is_refused_with_alternatives():
    dag = make("chain", " ".join(f"n{at}" for at in range(2_001)))
    with pytest.raises(DAGError, match=r"DAG 'chain'.* 2,001 boxes .*to_dot\(\).*visualize\(\)"):
        dag.to_svg()


def test_stacks_that_were_refused_are_offered():
    with pytest.raises(DAGError, match="It may fit without collapse=False"):
        fan(2_000).to_svg(collapse=False)
