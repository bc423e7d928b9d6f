"""The access rules that docs/howto/secure-redis.md gives to a user of each role.

They are generated from the table of ``flowkit.protocol.roles``. Tests compare this table with what
the code sends, and run DAGs under the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flowkit.protocol.roles import ROLES, Role

_ADMIN = "user admin on >ADMIN-PASSWORD ~* &* +@all"
_DEFAULT_OFF = "user default off"


def acl_rules() -> str:
    """Return the commands that make a user of each role on Redis 7 and newer."""
    return _commands(_since_redis_7)


def old_acl_rules() -> str:
    """Return those for Redis 6.2, which cannot distinguish reading from writing."""
    return _commands(_before_redis_7)


def acl_file() -> str:
    """Return a whole ACL file for Redis 7 and newer.

    It names ``default``, which a server resets to a user without a password if its file does not.
    """
    users = [f"user flowkit-{role.name} {_rules(role, _since_redis_7(role))}" for role in ROLES]
    return _block([_ADMIN, *users, _DEFAULT_OFF])


def _commands(patterns: Callable[[Role], Iterable[str]]) -> str:
    # ``reset``: an existing user gets the rights of this release and keeps no others.
    return _block(
        [f"ACL SETUSER flowkit-{role.name} reset {_rules(role, patterns(role))}" for role in ROLES]
    )


def _block(lines: Iterable[str]) -> str:
    """Return one line for each user: neither redis-cli nor an ACL file knows continued lines."""
    text = "\n".join(lines)
    return f"```text\n{text}\n```"


def _since_redis_7(role: Role) -> Iterable[str]:
    # The keys of EVALSHA are checked for reading and writing, whatever the script does with them.
    yield from (f"~{key}" for key in (*role.script_keys, *role.writes))
    yield from (f"%R~{key}" for key in role.reads)


def _before_redis_7(role: Role) -> Iterable[str]:
    yield from (f"~{key}" for key in (*role.script_keys, *role.writes, *role.reads))


def _rules(role: Role, patterns: Iterable[str]) -> str:
    channels = (f"&{channel}" for channel in role.channels)
    commands = (f"+{word}" for word in sorted(role.sent))
    head = f"on >{role.name.upper()}-PASSWORD resetchannels"
    return " ".join([head, *patterns, *channels, *commands])
