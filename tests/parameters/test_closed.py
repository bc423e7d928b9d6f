"""Annotations as text: those of a closed list come back, and no other name is looked up."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, Union
from uuid import UUID

import pytest

from flowkit.parameters.annotations import NOTHING, name_of
from flowkit.parameters.closed import annotation_of, is_closed

CLOSED: list[Any] = [
    *(str, int, float, bool, bytes, None, date, datetime, time, timedelta, Decimal, UUID, Path),
    *(list, dict, list[int], dict[str, list[float]], tuple[int, str], tuple[int, ...], set[date]),
    *(int | None, Optional[date], Union[int, str, None], list[int | None]),  # noqa: UP007, UP045
    *(Literal["a", "b"], Literal[1, True, None, -5], Sequence[int], Mapping[str, Any]),
    *(Any, typing.List[int], Annotated[int, "How many."], NewType("Id", int)),  # noqa: UP006
]


class Color(Enum):
    RED = 1


@dataclass
class Decimals:
    pass


class Shadow:
    class Inner:
        pass


Shadow.Inner.__qualname__ = "date"
OPEN: list[Any] = [Color, Decimals, Shadow.Inner, list[Shadow.Inner], Callable[[int], int]]
OPEN += [Literal[Color.RED], type[int], range, int | Color, object, "date", typing.TypeVar("T")]


@pytest.mark.parametrize("annotation", CLOSED, ids=name_of)
def test_text_says_all_of_it(annotation: Any) -> None:
    assert is_closed(annotation) or isinstance(annotation, NewType)
    assert name_of(annotation_of(name_of(annotation))) == name_of(annotation) or isinstance(
        annotation, NewType
    )


@pytest.mark.parametrize("annotation", OPEN, ids=str)
def test_text_of_a_class_says_nothing(annotation: Any) -> None:
    assert not is_closed(annotation)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "os",
        "__import__('os').system('id')",
        "(lambda: 1)()",
        "list[int, int]",
        "dict[str]",
        "list[...]",
        "tuple[..., int]",
        "Literal[1.5]",
        "Literal[[1]]",
        "Literal[__import__('os')]",
        "int | 5",
        "int & str",
        "int.real",
        "[int]",
        "str; int",
        "(" * 199,
        "list[" * 40 + "]" * 40,
        "int |" * 30 + "int",
        "x" * 10**6,
        "Literal['\\d']",
        "int\0",
        "\ud800",
        "Optional[]",
        "Annotated[int, 5]",
    ],
)
def test_other_text_is_no_annotation(text: str) -> None:
    assert annotation_of(text) is NOTHING
