"""The users of docs/howto/secure-redis.md, read as an administrator would."""

from __future__ import annotations

import shlex
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "secure-redis.md"


def users(part: str = "acl") -> dict[str, list[str]]:
    """Return role → the rules of its user, as the page has them for Redis 7; ``acl_old``: 6.2."""
    found: dict[str, list[str]] = {}
    _, _, text = PAGE.read_text().partition(f"<!-- generated: {part} -->")
    for line in text.partition("<!-- end -->")[0].replace("\\\n", " ").splitlines():
        if line.startswith("ACL SETUSER flowkit-"):
            words = shlex.split(line)[2:]
            found[words[0].removeprefix("flowkit-")] = words[1:]
    return found
