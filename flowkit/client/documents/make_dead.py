"""Makes the documents about tasks that failed for good."""

from __future__ import annotations

from typing import Any

from ...protocol.listings import Listing
from ..dead_letters import DeadLetter, OpenedLetter
from .document import damaged_entries
from .stamps import utc
from .system import Letter, LetterEntry, Letters


def letters_document(letters: Listing[DeadLetter]) -> Letters:
    """Return a list of failed tasks."""
    return Letters(
        items=[LetterEntry(**_fields(letter)) for letter in letters],
        damaged=damaged_entries(letters.damaged),
        matching=None if letters.more else len(letters),
        more=letters.more,
    )


def letter_document(opened: OpenedLetter) -> Letter:
    """Return all details of a failed task."""
    return Letter(
        **_fields(opened.letter),
        traceback=opened.traceback,
        params=dict(opened.params),
        inputs=dict(opened.inputs),
        damaged=opened.damaged,
    )


def _fields(letter: DeadLetter) -> dict[str, Any]:
    """Return the fields of ``LetterEntry``."""
    return {
        "run_id": letter.run_id,
        "dag": letter.dag_name,
        "task": letter.task,
        "attempt": letter.attempt,
        "worker": letter.worker,
        "failed": utc(letter.failed),
        "error_type": letter.error_type,
        "error_message": letter.error_message,
        "at_most_once": letter.at_most_once,
        "label": letter.label,
        "others": letter.others,
        "below": letter.below,
        "parent": letter.parent_run or None,
        "parent_task": letter.parent_task or None,
    }
