"""Checks of the filters of lists, before anything is sent."""

from __future__ import annotations

from ..basics.suggestions import unknown_name
from ..core.states import RunState


def check_dag_name(value: object) -> str | None:
    """Return ``value`` if it is the name of a DAG or None, otherwise raise TypeError."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"dag must be the name of a DAG, or None for any, not {value!r}.")
    return value


def check_run_state(value: object) -> RunState | None:
    """Return the run state that ``value`` names, None for any state, otherwise raise."""
    if value is None:
        return None
    names = [state.value for state in RunState]
    if value not in names:
        raise ValueError(unknown_name("state of a run", str(value), names))
    return RunState(value)
