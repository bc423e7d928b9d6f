"""The users of docs/howto/secure-redis.md, read as an administrator would."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "secure-redis.md"


def block(part: str) -> str:
    """Return a block of the page, word for word: ``acl``, ``acl_old`` or ``acl_file``."""
    _, _, text = PAGE.read_text().partition(f"<!-- generated: {part} -->\n```text\n")
    return text.partition("```\n")[0]


def users(part: str = "acl") -> dict[str, list[str]]:
    """Return role → the rules of its user, as the page has them for Redis 7; ``acl_old``: 6.2."""
    result: dict[str, list[str]] = {}
    for line in block(part).splitlines():
        head, _, rest = line.partition(" flowkit-")
        if head in ("ACL SETUSER", "user"):
            role, *rules = rest.split()
            result[role] = rules
    return result
