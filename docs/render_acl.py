"""The access rules that docs/howto/secure-redis.md gives to a user of each role.

Made from the table of ``flowkit.protocol.roles``; a test compares that with what the code sends.
"""

from __future__ import annotations

import textwrap

from flowkit.protocol.roles import ROLES, SENT_BY_ALL, Role


def acl_rules() -> str:
    """Return the lines that make a user of each role."""
    return "```text\n" + "\n\n".join(map(_rule, ROLES)) + "\n\nACL SETUSER default off\n```"


def _rule(role: Role) -> str:
    commands = [*sorted(SENT_BY_ALL), *sorted(role.commands - SENT_BY_ALL)]
    lines = textwrap.wrap(" ".join(f"+{word}" for word in commands), 100)
    patterns = [f"~{key}" for key in role.keys] + [f"&{channel}" for channel in role.channels]
    head = f"ACL SETUSER flowkit-{role.name} on >{role.name.upper()}-PASSWORD resetchannels"
    return " \\\n    ".join([f"{head} {' '.join(patterns)}", *lines])
