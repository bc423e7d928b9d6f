"""Checks of the arguments of a client, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ..arguments import check_mapping
from ..definition.dag import DAGDefinition
from ..settings import Settings

Handle = TypeVar("Handle")


def check_settings(value: object) -> Settings:
    """Return ``value`` if it is a Settings object, otherwise raise TypeError."""
    if not isinstance(value, Settings):
        raise TypeError(
            f"settings must be Settings, as load_settings() returns them, not {value!r}. To give a "
            "URL, use Client.connect(URL)."
        )
    return value


def check_dag(value: object, params: object = None) -> None:
    """Raise TypeError unless ``value`` is a DAG and ``params`` are valid run parameters."""
    if not isinstance(value, DAGDefinition):
        raise TypeError(f"dag must be a DAG, not {value!r}. Draw one with flowkit.DAG(…).")
    check_mapping(params)


def check_many(value: object) -> list[Any]:
    """Return ``value`` as a list of run parameters, otherwise raise TypeError."""
    if not isinstance(value, Iterable):
        raise TypeError(
            "params must be a list with the parameters of each run (None for a run without), "
            f"not {value!r}."
        )
    given = list(value)
    for params in given:
        check_mapping(params)
    return given


def check_handles(value: object, kind: type[Handle]) -> list[Handle]:
    """Return ``value`` as a list of run handles of a class, otherwise raise TypeError."""
    given: list[Handle] = []
    for item in value if isinstance(value, Iterable) else [value]:
        if not isinstance(item, kind):
            raise TypeError(
                "runs must be a list of handles, as submit() and run() return them "
                f"({kind.__name__}), not {item!r}."
            )
        given.append(item)
    return given
