"""The roles of those that talk to Redis: which commands each sends, on which keys and channels.

The access rules of docs/howto/secure-redis.md are made from this table, and the embedded server
answers no other commands. A test derives the commands once more, from what the stores and the
health check of a role send and what their scripts call, and compares: a store that needs a new
command says so here. The keys are measured: whole runs go through under these rules, without a
denial.

A client only reads the format of the namespace (``schema``). On an empty Redis the first daemon
notes it: a client that could write it could shut everyone else out.

What patterns cannot part: a run's record, its tasks' records, results and errors begin alike
(``run:``), so a user that may write one may write all of them. A script runs with the rights of its
caller.

Commands are spelled as in the access lists of Redis: small letters, ``|`` before a subcommand.
"""

from __future__ import annotations

from dataclasses import dataclass

# What each connection sends, whatever its role: its name, and the question what the server is.
SENT_BY_VIEWERS = frozenset({"client|setname", "info"})
# The others run scripts. EVAL stands in for EVALSHA on a server that does not know a script yet.
SENT_BY_ALL = SENT_BY_VIEWERS | {"eval", "evalsha"}
# What deletes the namespace of one run, for `flowkit run --redis` alone.
DROPS_A_NAMESPACE = frozenset({"scan", "unlink"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _keys(text: str) -> tuple[str, ...]:
    return tuple("{flowkit}:" + name for name in text.split())


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of user needs. ``commands``: beside those that every user of its kind sends.

    ``reads``: keys that are only read; ``writes``: keys that are read and written. ``channels``:
    those that it may listen or publish to. All are patterns, in which ``{flowkit}`` stands for the
    namespace. ``runs_scripts``: whether it writes, which it does by scripts alone.
    """

    name: str
    commands: frozenset[str]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("{flowkit}:run:*:feed",)
    runs_scripts: bool = True

    @property
    def sent(self) -> frozenset[str]:
        """All commands that a user of this role sends."""
        return self.commands | (SENT_BY_ALL if self.runs_scripts else SENT_BY_VIEWERS)

    @property
    def script_keys(self) -> tuple[str, ...]:
        """The key that routes a call of a script: the namespace itself. It holds nothing."""
        return ("{flowkit}:",) if self.runs_scripts else ()


_READ_BY_CLIENTS = "exists get hget hgetall hlen hmget hstrlen llen subscribe time unsubscribe"
_READ_BY_CLIENTS += " zrangebyscore zrevrange zrevrangebyscore"
_SEEN_BY_CLIENTS = "leader layout workers worker:* levels ready:* dead"

CLIENT = Role(
    "client",
    _words(f"{_READ_BY_CLIENTS} hdel hincrby hset persist pttl sadd set xadd zadd"),
    reads=_keys(f"{_SEEN_BY_CLIENTS} schema"),
    writes=_keys("run:* graph:* graphs runs active events"),
)
SCHEDULER = Role(
    "scheduler",
    _words(
        "del exists get hdel hget hgetall hincrby hkeys hlen hmget hscan hset hsetnx llen lpos "
        "lpush lrange lrem ltrim pexpire publish rpush sadd set smembers srem time "
        "xadd xrange xread xrevrange xtrim zadd zcard zrange zrangebyscore zrem zremrangebyrank "
        "zscan zscore"
    ),
    writes=_keys(
        "run:* graph:* graphs runs active dead events cursor quarantine leader layout standby "
        "levels ready:* wake:* delayed workers worker:* schema"
    ),
)
WORKER = Role(
    "worker",
    _words(
        "blpop del exists get hdel hget hgetall hincrby hkeys hlen hmget hset hsetnx hstrlen hvals "
        "llen lpop lpush rpush set srandmember srem time xadd zadd zcard zrangebyscore zrem "
        "zremrangebyrank zscore"
    ),
    reads=_keys("graph:* leader layout"),
    writes=_keys("run:* dead events levels ready:* wake:* delayed workers worker:* cache:* schema"),
    channels=(),
)
STATE = Role(
    "state",
    _words("del exists hget hmget hset pexpire time zadd zcard zrange zrangebyscore zrem"),
    writes=_keys("state:*"),
    channels=(),
)
VIEWER = Role(
    "viewer",
    _words(_READ_BY_CLIENTS),
    reads=_keys(f"{_SEEN_BY_CLIENTS} run:* graph:* runs schema"),
    runs_scripts=False,
)
ROLES = (CLIENT, SCHEDULER, WORKER, STATE, VIEWER)
