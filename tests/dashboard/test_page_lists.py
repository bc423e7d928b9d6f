"""Modules of the lists of the page that need no browser: groups, scales, commands, addresses."""

from __future__ import annotations

import shlex

import pytest
from javascript import Modules


@pytest.fixture(scope="module")
def grouping() -> Modules:
    return Modules("grouping.js")


@pytest.fixture(scope="module")
def scales() -> Modules:
    return Modules("scales.js")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("no file '/a/1.csv'", "no file '/b/2.csv'"),
        ("item 7 of 12", "item 8 of 900"),
        ("run 3f9a01bc77 is gone", "run 77aa01bc3f is gone"),
        ("same\nfirst detail", "same\nsecond detail"),
    ],
)
def test_errors_that_differ_in_details_have_one_shape(
    grouping: Modules, first: str, second: str
) -> None:
    assert grouping.call("shapeOf", first) == grouping.call("shapeOf", second)


def test_other_errors_have_other_shapes(grouping: Modules) -> None:
    texts = ["no file 'a'", "no folder 'a'", "item 7", "items 7", "", "decade", "facade"]
    assert len({grouping.call("shapeOf", text) for text in texts}) == len(texts)


def letter(run: str, task: str, message: str) -> dict[str, str]:
    return {"run_id": run, "task": task, "error_type": "ValueError", "error_message": message}


def test_letters_are_grouped_by_their_error(grouping: Modules) -> None:
    letters = [letter("a", "x", "rare"), letter("a", "y", "bad 1"), letter("b", "y", "bad 2")]
    many = "((given) => grouped(given).map(({key, letters}) => [key, letters.length]))"
    assert grouping.call(many, letters) == [["ValueError: bad #", 2], ["ValueError: rare", 1]]
    assert grouping.call("tasksByRun", letters) == {"a": ["x", "y"], "b": ["y"]}


@pytest.mark.parametrize(
    ("value", "rounded"), [(0, 1), (0.3, 0.5), (1, 1), (3, 5), (11, 20), (21, 25), (5001, 10_000)]
)
def test_an_axis_ends_at_a_round_number(scales: Modules, value: float, rounded: float) -> None:
    assert scales.call("roundUp", value) == pytest.approx(rounded)


def test_a_line_has_gaps_where_nothing_is_known(scales: Modules) -> None:
    path = scales.call("linePath", [0, 10, None, 5], 30, 10, 10)
    assert path == "M0.0 10.0L10.0 0.0M30.0 5.0"
    assert scales.call("linePath", [], 30, 10, 10) == ""


def test_parts_of_scales_stay_in_bounds(scales: Modules) -> None:
    assert scales.call("logPart", 1, 0.1, 10) == pytest.approx(0.5)
    assert [scales.call("logPart", value, 0.1, 10) for value in (0, -5, 0.1, 99)] == [0, 0, 0, 1]
    assert [scales.call("barPart", value, 10) for value in (0, 0.001, 5, 20)] == [0, 0.03, 0.5, 1]


@pytest.mark.parametrize("word", ["etl", "a b", "it's", "$(rm -rf ~)", "`x`", "a\nb", "!x;&", ""])
def test_a_command_has_a_name_as_one_word(word: str) -> None:
    assert shlex.split(Modules("commands.js").call("quoted", word)) == [word]


@pytest.mark.parametrize(
    ("path", "view"),
    [
        ("/dags", {"view": "dags", "names": {}}),
        ("/dags/a%2Fb%20%3F", {"view": "dag", "names": {"name": "a/b ?"}}),
        ("/dags/%E0%A4%A", None),
        ("/queues", {"view": "queues", "names": {}}),
        ("/queues/x", None),
    ],
)
def test_addresses_of_lists(path: str, view: object) -> None:
    assert Modules("router.js").call("viewOf", path) == view
