"""The users of docs/howto/secure-redis.md, read as an administrator would."""

from __future__ import annotations

import shlex
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "secure-redis.md"


def users() -> dict[str, list[str]]:
    """Return role → the rules of its user, as the page has them."""
    found: dict[str, list[str]] = {}
    for line in PAGE.read_text().replace("\\\n", " ").splitlines():
        if line.startswith("ACL SETUSER flowkit-"):
            words = shlex.split(line)[2:]
            found[words[0].removeprefix("flowkit-")] = words[1:]
    return found
