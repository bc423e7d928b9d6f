"""The roles of those that talk to Redis: which commands each sends, on which keys and channels.

The access rules of docs/howto/secure-redis.md are made from this table, and the embedded server
answers no other commands. A test derives the commands once more, from what the stores of a role
send and what their scripts call, and compares: a store that needs a new command says so here.

Commands are spelled as in the access lists of Redis: small letters, ``|`` before a subcommand.
"""

from __future__ import annotations

from dataclasses import dataclass

# What each connection sends, whatever its role: its name, scripts, and the question what the
# server is. EVAL stands in for EVALSHA on a server that does not know a script yet.
SENT_BY_ALL = frozenset({"client|setname", "eval", "evalsha", "info"})
# What deletes the namespace of one run, for `flowkit run --redis` alone.
DROPS_A_NAMESPACE = frozenset({"scan", "unlink"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of user needs. ``commands``: beside those of ``SENT_BY_ALL``.

    ``keys``, ``channels``: patterns, in which ``{flowkit}`` stands for the namespace.
    """

    name: str
    commands: frozenset[str]
    keys: tuple[str, ...] = ("{flowkit}:*",)
    channels: tuple[str, ...] = ("{flowkit}:*",)


CLIENT = Role(
    "client",
    _words(
        "exists get hdel hget hgetall hincrby hlen hmget hset hstrlen llen persist pexpire pttl "
        "sadd set subscribe time unsubscribe xadd zadd zrangebyscore zrevrange zrevrangebyscore"
    ),
)
SCHEDULER = Role(
    "scheduler",
    _words(
        "del exists get hdel hget hgetall hincrby hkeys hlen hmget hscan hset hsetnx llen lpos "
        "lpush lrange lrem ltrim persist pexpire pttl publish rpush sadd set smembers srem time "
        "xadd xrange xread xrevrange xtrim zadd zcard zrange zrangebyscore zrem zremrangebyrank "
        "zscan zscore"
    ),
)
WORKER = Role(
    "worker",
    _words(
        "blpop del exists get hdel hget hgetall hincrby hkeys hlen hmget hset hsetnx hvals llen "
        "lpop lpush rpush set srandmember srem time xadd zadd zcard zrem zremrangebyrank zscore"
    ),
)
STATE = Role(
    "state",
    _words("del exists hget hmget hset pexpire time zadd zcard zrange zrangebyscore zrem"),
    keys=("{flowkit}:", "{flowkit}:state:*"),
    channels=(),
)
ROLES = (CLIENT, SCHEDULER, WORKER, STATE)
