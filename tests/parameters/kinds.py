"""Types of the kinds that a parameter may have, for the tests of this folder."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol, TypedDict


class Region(enum.Enum):
    EU = "eu"
    US = "us"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(enum.Enum):
    OFF = False
    SOME = 2
    ALL = "all"


@dataclass
class Window:
    first: date
    days: int = 7


@dataclass
class Plan:
    windows: list[Window]
    target: Path | None = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class Checked:
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("size must not be negative")


@dataclass
class Tree:
    below: list[Tree]


class Row(TypedDict):
    name: str
    count: int


class Point(NamedTuple):
    x: int
    y: int = 0


class Readable(Protocol):
    def read(self) -> bytes: ...


class Opaque:
    """A class that no text stands for."""
