"""The packages of the extra ``dashboard``. This module needs none of them."""

from __future__ import annotations

from importlib.util import find_spec

_NEEDED = {
    "starlette": "starlette",
    "uvicorn": "uvicorn",
    "jinja2": "jinja2",
}


def missing_packages() -> str:
    """Return the packages of the extra that are not installed, as text; "" if there are none."""
    return ", ".join(name for module, name in _NEEDED.items() if find_spec(module) is None)
