"""A call that is sent again: where it is made, and what it is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from environment import Environment


@dataclass(frozen=True)
class Case:
    """A situation, one call, and the words that its first and its later replies begin with."""

    prepare: Callable[[Environment], object]
    name: str
    args: Callable[[Environment], tuple[object, ...]]
    first: bytes
    later: bytes

    def send(self, env: Environment) -> list[Any]:
        return env.raw(self.name, *self.args(env))
