"""Addresses of documentation pages, for messages.

An address begins with ``Documentation`` of ``[project.urls]`` in pyproject.toml, which is read from
the installed package, so that it is defined in one place. Without it, the path in the repository is
used. This module refuses nothing.
"""

from __future__ import annotations

from functools import cache

SECURE_REDIS, SHARDS = "howto/secure-redis.md", "howto/shards.md"


def page(path: str, heading: str = "") -> str:
    """Return the address of a page, such as ``page("howto/shards.md")``.

    ``path``: below ``docs/``. ``heading``: the anchor of one of its headings, "" for the whole
    page.
    """
    return f"{_base()}{path}" + (f"#{heading}" if heading else "")


@cache
def _base() -> str:
    from importlib import metadata  # takes long to import, and few processes print an address

    try:
        urls = metadata.metadata("flowkit").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:  # run from a folder, not installed
        urls = []
    for entry in urls:
        label, _, url = str(entry).partition(",")
        if label.strip().lower() == "documentation":
            return url.strip().rstrip("/") + "/"
    return "docs/"
