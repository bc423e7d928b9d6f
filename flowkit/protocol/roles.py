"""The roles of Redis users: which commands each role sends, on which keys and channels.

The access rules of docs/howto/secure-redis.md are generated from this table, and the embedded
server accepts no other commands. A test derives the commands from what the stores and the health
check of a role send and what their scripts call, and compares: a store that needs a new command
adds it here. The keys are tested with whole runs under these rules, without a denial.

A client only reads the format of the namespace (``schema``). On an empty Redis, the first daemon
writes it: a client with the right to write it could lock out everyone else.

Patterns cannot separate everything: the record of a run, the records of its tasks, its results and
its errors have the same prefix (``run:``), so a user that may write one may write all of them. A
script runs with the rights of its caller.

Commands are spelled as in Redis ACLs: in lower case, with ``|`` before a subcommand.
"""

from __future__ import annotations

from dataclasses import dataclass

# What each connection sends in every role: its name, and a query about the server.
SENT_BY_VIEWERS = frozenset({"client|setname", "info"})
# The others run scripts. EVAL replaces EVALSHA on a server that does not know a script yet.
SENT_BY_ALL = SENT_BY_VIEWERS | {"eval", "evalsha"}
# Deletes the namespace of one run, only for `flowkit run --redis`.
DROPS_A_NAMESPACE = frozenset({"scan", "unlink"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _keys(text: str) -> tuple[str, ...]:
    return tuple("{flowkit}:" + name for name in text.split())


@dataclass(frozen=True, slots=True)
class Role:
    """The rights of one role. ``commands``: in addition to those that every role sends.

    ``reads``: keys that are only read; ``writes``: keys that are read and written. ``channels``:
    channels to subscribe or publish to. All are patterns, in which ``{flowkit}`` stands for the
    namespace. ``runs_scripts``: whether the role writes, which it does only with scripts.
    """

    name: str
    commands: frozenset[str]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("{flowkit}:run:*:feed",)
    runs_scripts: bool = True

    @property
    def sent(self) -> frozenset[str]:
        """All commands that a user with this role sends."""
        return self.commands | (SENT_BY_ALL if self.runs_scripts else SENT_BY_VIEWERS)

    @property
    def script_keys(self) -> tuple[str, ...]:
        """The key that routes script calls: the namespace itself. It is always empty."""
        return ("{flowkit}:",) if self.runs_scripts else ()


_READ_BY_CLIENTS = "exists get hget hgetall hlen hmget hscan hstrlen llen lrange scard sismember"
_READ_BY_CLIENTS += " memory|usage srandmember subscribe time unsubscribe xlen zcard"
_READ_BY_CLIENTS += " zrangebyscore zrevrange zrevrangebyscore"
_READ_BY_CLIENTS += " xrange xrevrange"
_SEEN_BY_CLIENTS = "leader terms layout workers worker:* levels ready:* dead cursor quarantine"

CLIENT = Role(
    "client",
    _words(
        f"{_READ_BY_CLIENTS} hdel hincrby hset persist pexpire pttl sadd set srem unlink "
        "xadd zadd zrem zscore"
    ),
    reads=_keys(f"{_SEEN_BY_CLIENTS} schema"),
    writes=_keys("run:* graph:* graphs runs active events delayed"),
)
SCHEDULER = Role(
    "scheduler",
    _words(
        "del exists get hdel hget hgetall hincrby hkeys hlen hmget hscan hset hsetnx llen lpos "
        "lpush lrange lrem ltrim persist pexpire pttl publish rpush sadd scard set sismember "
        "smembers srem sscan time unlink xadd xrange xread xrevrange xtrim zadd zcard zrange "
        "zrangebyscore zrem zremrangebyrank zscan zscore"
    ),
    writes=_keys(
        "run:* graph:* graphs runs active parents dead events cursor quarantine leader layout "
        "standby terms levels ready:* wake:* delayed workers worker:* schema"
    ),
)
WORKER = Role(
    "worker",
    _words(
        "blpop del exists get hdel hget hgetall hincrby hkeys hlen hmget hset hsetnx hstrlen hvals "
        "llen lpop lpush persist pexpire pttl rpush sadd scard set sinter sismember srandmember "
        "srem time xadd xdel xrange zadd zcard zrangebyscore zrem zremrangebyrank "
        "zremrangebyscore zscore"
    ),
    reads=_keys("leader layout"),
    writes=_keys(
        "run:* graph:* graphs runs active parents dead events levels ready:* wake:* delayed "
        "workers worker:* cache:* schema"
    ),
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
    reads=_keys(f"{_SEEN_BY_CLIENTS} delayed run:* graph:* runs active events schema"),
    runs_scripts=False,
)
ROLES = (CLIENT, SCHEDULER, WORKER, STATE, VIEWER)
