"""The keys of one namespace with one run, as a value: immutable, hashable, canonical.

``Keys`` is what the search stores; ``Draft`` is the same, opened for one script to write on.
Fields that never change once a run is submitted (its DAG, its parameters) are not kept; ``render``
adds them, to compare with what a real server holds. Left out: expiry (TTLs only start), progress,
state stores and cached results.
"""

from __future__ import annotations

from typing import Any, NamedTuple

RUN, LIST, DIGEST, TTL_MS = "r1", "default", "d1", 3_600_000
BY = "somebody"  # who submits, cancels and resumes it
Place = tuple[str, str]  # ready list, level
Entries = tuple[tuple[int, int], ...]  # task, attempt
OVER = frozenset("SFUCK")
PARTS = ("tasks", "results", "errors", "history", "inputs")  # of a run


class Record(NamedTuple):
    """A task's record. Times are numbers, or '' for none. ``reason``: why it waits."""

    code: str
    attempt: int
    lane: str
    spent: str
    started: Any = ""
    ended: Any = ""
    queued: Any = ""
    reason: str = ""
    since: Any = ""
    items: str = ""  # how many elements or items there are

    def text(self) -> str:
        text = f"{self.code}{self.attempt},{self.lane},{self.spent},{self.started},{self.ended}"
        queued = "" if self.queued == "" else f"{self.queued:x}"
        if self.reason:
            return f"{text},{queued},{self.reason},{self.since}"
        if self.items:
            return f"{text},{queued},{self.items}"
        return f"{text},{queued}" if queued else text


class Claim(NamedTuple):
    """What a lane's claims hash says of a task."""

    attempt: int
    call: int
    level: str
    list: str = LIST


class Keys(NamedTuple):
    """One namespace. Mappings are sorted pairs; those of which scripts see the order keep it."""

    now: int = 0
    submitted: int = 0
    run: tuple[tuple[str, str], ...] | None = None
    tasks: tuple[tuple[int, Record], ...] = ()
    results: tuple[tuple[int, str], ...] = ()
    errors: tuple[tuple[int, str], ...] = ()
    expiring: bool = False  # the run's keys
    graph: str = ""  # '' there is none, 'held', 'going': it has a TTL
    users: int = 0  # runs that use the graph and are not over
    kept_longer: bool = False  # `graphs` says till when the graph is needed
    active: bool = False
    dead: tuple[tuple[int, int], ...] = ()  # task → when it failed for good
    ready: tuple[tuple[Place, Entries], ...] = ()
    backlogs: tuple[tuple[Place, Entries], ...] = ()  # of the run
    turns: tuple[tuple[Place, int], ...] = ()  # how many the run has
    parked: tuple[str, ...] = ()  # functions that have lists of their own
    levels: tuple[tuple[str, str], ...] = ()  # ready list → levels
    wake: tuple[tuple[str, int], ...] = ()  # ready list → tokens
    delayed: tuple[tuple[int, int, int, str, str], ...] = ()  # due, task, attempt, list, level
    events: tuple[tuple[int, tuple[tuple[str, str], ...]], ...] = ()
    last_event: int = 0
    cursor: int = 0
    leader: tuple[str, int, int] | None = None  # scheduler, term, deadline
    shard_position: str = ""
    standby: tuple[str, int, int] | None = None  # scheduler, shards of its process, deadline
    workers: tuple[tuple[str, int], ...] = ()  # worker → deadline
    lanes: tuple[tuple[str, tuple[str, ...]], ...] = ()  # worker → its lanes
    claims: tuple[tuple[str, int, tuple[tuple[int, Claim], ...]], ...] = ()  # lane, #, task → claim
    stops: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = ()  # lane → (task, attempt)
    abouts: tuple[tuple[str, str], ...] = ()  # worker → its description
    apps: tuple[tuple[str, int], ...] = ()  # app → deadline
    functions: tuple[tuple[str, tuple[str, ...]], ...] = ()  # app → functions
    versions: tuple[tuple[str, str], ...] = ()  # app → version of its code
    history: tuple[tuple[tuple[str, str], ...], ...] = ()  # of the run
    terms: tuple[tuple[str, str], ...] = ()  # term → scheduler
    memories: tuple[tuple[int, str], ...] = ()  # of tasks that come again
    blocks: tuple[tuple[str, str], ...] = ()  # of the elements that tasks returned

    def field(self, name: str) -> str:
        """Return a field of the run's hash, '' for none."""
        for field, value in self.run or ():
            if field == name:
                return value
        return ""

    def record(self, task: int) -> Record | None:
        for number, record in self.tasks:
            if number == task:
                return record
        return None

    def held_by(self, lane: str) -> tuple[tuple[int, Claim], ...]:
        for name, _, held in self.claims:
            if name == lane:
                return held
        return ()

    def knows_lane(self, lane: str) -> bool:
        return any(name == lane for name, _, _ in self.claims)

    def lease(self, worker: str) -> int | None:
        """Return when a worker's lease ends, None for one that is not known."""
        for name, deadline in self.workers:
            if name == worker:
                return deadline
        return None

    def lanes_of(self, worker: str) -> tuple[str, ...]:
        for name, lanes in self.lanes:
            if name == worker:
                return lanes
        return ()

    def stops_of(self, lane: str) -> tuple[tuple[int, int], ...]:
        for name, attempts in self.stops:
            if name == lane:
                return attempts
        return ()


class Draft:
    """The keys while a script writes on them."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.now, self.submitted = keys.now, keys.submitted
        self.run = None if keys.run is None else dict(keys.run)
        self.tasks, self.results = dict(keys.tasks), dict(keys.results)
        self.errors, self.expiring = dict(keys.errors), keys.expiring
        self.graph, self.users, self.kept_longer = keys.graph, keys.users, keys.kept_longer
        self.active, self.dead = keys.active, dict(keys.dead)
        self.ready = {place: list(entries) for place, entries in keys.ready}
        self.backlogs = {place: list(entries) for place, entries in keys.backlogs}
        self.turns, self.parked = dict(keys.turns), set(keys.parked)
        self.levels, self.wake = dict(keys.levels), dict(keys.wake)
        self.delayed = {entry[1:]: entry[0] for entry in keys.delayed}
        self.events, self.last_event = list(keys.events), keys.last_event
        self.cursor, self.leader = keys.cursor, keys.leader
        self.shard_position, self.standby = keys.shard_position, keys.standby
        self.workers, self.lanes = dict(keys.workers), dict(keys.lanes)
        self.calls = {lane: call for lane, call, _ in keys.claims}
        self.claims = {lane: dict(held) for lane, _, held in keys.claims}
        self.stops = {lane: set(attempts) for lane, attempts in keys.stops}
        self.abouts, self.apps = dict(keys.abouts), dict(keys.apps)
        self.functions, self.versions = dict(keys.functions), dict(keys.versions)
        self.history, self.terms = list(keys.history), list(keys.terms)
        self.memories, self.blocks = dict(keys.memories), dict(keys.blocks)

    def field(self, name: str) -> str:
        return (self.run or {}).get(name, "")

    def count_results(self) -> None:
        """Write how many results there are, if there ever were any."""
        if self.run is not None and (self.results or "kept" in self.run):
            self.run["kept"] = str(len(self.results))

    def add_event(self, *fields: tuple[str, str]) -> None:
        self.last_event += 1
        self.events.append((self.last_event, fields))

    def remember(self, verb: str, text: str, error: str = "") -> None:
        """Add an entry to the history of the run."""
        more = (("error", error),) if error else ()
        self.history.append(((verb, text), *more))
        if self.run is not None:
            self.run["history"] = "1"

    def freeze(self) -> Keys:
        return Keys(
            self.now,
            self.submitted,
            None if self.run is None else tuple(sorted(self.run.items())),
            tuple(sorted(self.tasks.items())),
            tuple(sorted(self.results.items())),
            tuple(sorted(self.errors.items())),
            self.expiring,
            self.graph,
            self.users,
            self.kept_longer,
            self.active,
            tuple(sorted(self.dead.items())),
            _filled(self.ready),
            _filled(self.backlogs),
            tuple(sorted((place, count) for place, count in self.turns.items() if count)),
            tuple(sorted(self.parked)),
            tuple(sorted(self.levels.items())),
            tuple(sorted((name, tokens) for name, tokens in self.wake.items() if tokens)),
            tuple(sorted((due, *entry) for entry, due in self.delayed.items())),
            tuple(self.events),
            self.last_event,
            self.cursor,
            self.leader,
            self.shard_position,
            self.standby,
            tuple(sorted(self.workers.items())),
            tuple(sorted(self.lanes.items())),
            tuple(
                (lane, self.calls[lane], tuple(self.claims[lane].items()))
                for lane in sorted(self.claims)
            ),
            tuple(sorted((lane, tuple(sorted(some))) for lane, some in self.stops.items() if some)),
            tuple(sorted(self.abouts.items())),
            tuple(sorted(self.apps.items())),
            tuple(sorted(self.functions.items())),
            tuple(sorted(self.versions.items())),
            tuple(self.history),
            tuple(self.terms),
            tuple(sorted(self.memories.items())),
            tuple(sorted(self.blocks.items())),
        )


def _filled(lists: dict[Place, list[tuple[int, int]]]) -> tuple[tuple[Place, Entries], ...]:
    return tuple(sorted((place, tuple(some)) for place, some in lists.items() if some))


# -- as a server holds it ---------------------------------------------------------------------


def delayed_entry(task: int, attempt: int, name: str, level: str) -> str:
    return f"{RUN},{task},{attempt},{name},{level}"


def render(keys: Keys, dag: str, total: int) -> dict[str, Any]:
    """Return what ``helpers.dump`` finds on a server that holds these keys.

    The cursor and the time till which a graph is needed are left out: the one is an id that the
    server makes up, the other is measured by its own clock.
    """
    result: dict[str, Any] = {}
    if keys.run is not None:
        result[f"run:{RUN}"] = {
            **dict(keys.run),
            "dag": dag,
            "graph": DIGEST,
            "submitted": str(keys.submitted),
            "total": str(total),
            "ttl": str(TTL_MS),
        }
        result[f"run:{RUN}:tasks"] = {str(task): item.text() for task, item in keys.tasks}
        result[f"run:{RUN}:results"] = {str(task): text for task, text in keys.results}
        result[f"run:{RUN}:errors"] = {str(task): text for task, text in keys.errors}
        memories = {f"{task}^": text for task, text in keys.memories}
        result[f"run:{RUN}:inputs"] = memories | dict(keys.blocks)
        result[f"run:{RUN}:history"] = [dict(entry) for entry in keys.history]
        result["runs"] = {RUN: keys.submitted}
        result[f"graph:{DIGEST}"] = "graph"
        result["dead"] = {f"{RUN},{task}": when for task, when in keys.dead}
        result["active"] = {RUN} if keys.active else set()
        uses = {DIGEST: str(keys.users)} if keys.users else {}
        result["graphs"] = uses | ({DIGEST + "!": "later"} if keys.kept_longer else {})
    result |= _queues(keys)
    result["delayed"] = {delayed_entry(*entry): due for due, *entry in keys.delayed}
    result["events"] = [dict(fields) for _, fields in keys.events]
    if keys.leader is not None:
        result["leader"] = ",".join(map(str, keys.leader))
    if keys.standby is not None:
        result["standby"] = ",".join(map(str, keys.standby))
    result["layout"] = keys.shard_position
    result["terms"] = [{term: holder} for term, holder in keys.terms]
    result["workers"] = dict(keys.workers)
    abouts = dict(keys.abouts)
    for worker, lanes in keys.lanes:
        result[f"worker:{worker}"] = {"about": abouts[worker], "lanes": " ".join(lanes)}
    result["worker:@"] = dict(keys.apps)
    for app, functions in keys.functions:
        result[f"worker:@{app}"] = set(functions)
    for app, version in keys.versions:
        result[f"worker:@{app}:version"] = version
    for lane, call, held in keys.claims:
        claims = {
            f"{RUN},{task}": f"{item[0]},{item[1]},{item[3]},{item[2]}" for task, item in held
        }
        result[f"worker:{lane}:claims"] = {"#": str(call), **claims}
    for lane, attempts in keys.stops:
        result[f"worker:{lane}:stops"] = {f"{RUN},{task},{number}" for task, number in attempts}
    result = {name: value for name, value in result.items() if value}
    of_run = {f"run:{RUN}", *(f"run:{RUN}:{part}" for part in PARTS)}
    going = of_run if keys.expiring else set()
    going |= {f"graph:{DIGEST}"} if keys.graph == "going" else set()
    going |= {name for name in result if name.startswith(("worker:@", f"wake:{LIST}@"))}
    going.discard("worker:@")
    result["(expiring)"] = sorted(going & result.keys())
    return result


def _queues(keys: Keys) -> dict[str, Any]:
    """Return the lists of attempts, and what leads to them."""
    result: dict[str, Any] = {}
    for (name, level), entries in keys.ready:
        result[f"ready:{name}:{level}"] = [f"{RUN},{task},{number}" for task, number in entries]
    for (name, level), entries in keys.backlogs:
        result[f"ready:{name}:{level}:{RUN}"] = [f"{task},{number}" for task, number in entries]
    for (name, level), turns in keys.turns:
        result[f"ready:{name}:{level}+"] = [RUN] * turns
    result[f"ready:{LIST}@"] = set(keys.parked)
    result["levels"] = dict(keys.levels)
    for name, tokens in keys.wake:
        result[f"wake:{name}"] = ["1"] * tokens
    return result
