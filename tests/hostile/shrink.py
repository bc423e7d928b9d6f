"""Finds few actions that still violate a rule, by leaving parts of them out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from . import campaign
from .actions import Action

PACE = 20.0
MOST_TRIALS = 60


def reduced(
    actions: Sequence[Action], violates: Callable[[Sequence[Action]], bool]
) -> list[Action]:
    """Return some of the actions that still violate, of which hardly one can be left out.

    Tries halves first, since what ends a daemon is mostly a single action.
    """
    left, parts, trials = list(actions), 2, 0
    while len(left) > 1 and trials < MOST_TRIALS:
        size = max(1, len(left) // parts)
        pieces = [left[at : at + size] for at in range(0, len(left), size)]
        rests = [
            [item for other in pieces if other is not piece for item in other] for piece in pieces
        ]
        for number, candidate in enumerate((*pieces, *rests)):
            trials += 1
            if len(candidate) < len(left) and violates(candidate):
                left, parts = list(candidate), 2 if number < len(pieces) else max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts *= 2
    return left


def shrunk(
    actions: Sequence[Action], rule: str, notes: Path, say: Callable[[str], None]
) -> list[Action]:
    """Replay parts of these actions on stands of their own; note what is left in ``notes``.

    ``rule``: the one that has to be violated, "" for any.
    """

    def violates(some: Sequence[Action]) -> bool:
        with tempfile.TemporaryDirectory(prefix="flowkit-hostile-") as folder:
            report = campaign.run(
                Path(folder),
                Path(folder) / "notes",
                lambda line: None,
                lambda item: item.replay(some, PACE),
            )
        result = [finding for finding in report.findings if rule in ("", finding.rule)]
        say(f"{len(some)} actions: {'; '.join(map(str, result))[:300] or 'nothing'}")
        return bool(result)

    left = reduced(actions, violates)
    notes.write_text("".join(action.as_json() + "\n" for action in left), "utf-8")
    return left
