"""Ids of runs: generated here, or chosen by the caller and checked."""

from __future__ import annotations

import secrets

from ..protocol.keys import RUN_ID


def new_run_id() -> str:
    """Return an id that no other run has: 80 random bits."""
    return secrets.token_hex(10)


def is_run_id(text: str) -> bool:
    """Return whether a text can be the id of a run."""
    return RUN_ID.fullmatch(text) is not None


def check_run_id(run_id: str) -> str:
    """Return a run id that Redis keys and events can hold. Raises ValueError."""
    if not isinstance(run_id, str) or not is_run_id(run_id):
        raise ValueError(
            f"{run_id!r} is not a run id: use 1 to 128 letters, digits, '_', '.', ':' or '-'"
        )
    return run_id
