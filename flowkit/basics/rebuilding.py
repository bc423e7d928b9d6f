"""Rebuilding an exception that was copied or pickled, without calling its constructor."""

from __future__ import annotations

from typing import Any


def rebuilt(kind: type[Exception], args: tuple[Any, ...], fields: dict[str, Any]) -> Any:
    """Return an exception with these arguments and attributes."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(fields)
    return error
