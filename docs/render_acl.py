"""The access rules that docs/howto/secure-redis.md gives to a user of each role.

Made from the table of ``flowkit.protocol.roles``; tests compare that with what the code sends, and
carry out runs under the rules.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable

from flowkit.protocol.roles import ROLES, Role

WIDTH = 100


def acl_rules() -> str:
    """Return the lines that make a user of each role on Redis 7 and newer."""
    return _block(_since_redis_7)


def old_acl_rules() -> str:
    """Return those for Redis 6.2, which cannot tell reading from writing."""
    return _block(_before_redis_7)


def _block(patterns: Callable[[Role], Iterable[str]]) -> str:
    rules = "\n\n".join(_rule(role, patterns(role)) for role in ROLES)
    return f"```text\n{rules}\n\nACL SETUSER default off\n```"


def _since_redis_7(role: Role) -> Iterable[str]:
    # What EVALSHA names is checked for both, whatever the script does with it.
    yield from (f"~{key}" for key in (*role.script_keys, *role.writes))
    yield from (f"%R~{key}" for key in role.reads)


def _before_redis_7(role: Role) -> Iterable[str]:
    yield from (f"~{key}" for key in (*role.script_keys, *role.writes, *role.reads))


def _rule(role: Role, patterns: Iterable[str]) -> str:
    channels = (f"&{channel}" for channel in role.channels)
    commands = (f"+{word}" for word in sorted(role.sent))
    head = f"ACL SETUSER flowkit-{role.name} on >{role.name.upper()}-PASSWORD resetchannels"
    parts = (" ".join([*patterns, *channels]), " ".join(commands))
    lines = [line for part in parts for line in textwrap.wrap(part, WIDTH)]
    return " \\\n    ".join([head, *lines])
