"""Situations that tests of scripts begin with: each prepares an environment.

Not a test: ``test_idempotence`` sends calls in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from environment import HOUR_MS, LIST, Environment, compiled, done

from flowkit.protocol.app_functions import app_id, function_id, pinned_id
from flowkit.protocol.calls import CalledGraph, Calls, ChildRun, StoredCall, calls_payload
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of
from flowkit.protocol.keys import of_function
from flowkit.protocol.outcomes import Outcome

FUNCTION, OF_V1 = function_id("app:f"), pinned_id("app:f", "v1")
APP, V1 = app_id([FUNCTION]), app_id([FUNCTION, OF_V1])


def failed(env: Environment) -> None:
    env.running(0)
    env.complete(done(0, "F"))
    env.finish(outcome="failed", failed=0)


def succeeded(env: Environment) -> None:
    env.running(0)
    env.complete(done(0))
    env.finish()


def succeeded_and_running(env: Environment) -> None:
    env.running(0, 1)
    env.complete(done(0, payload=b"value"))


def resumed(env: Environment) -> None:
    failed(env)
    env.client.resume("r1")


def once(env: Environment) -> None:
    """A task that must not start twice is running."""
    env.ready()
    env.queue(0, flags="=")
    env.claim()


def due(env: Environment) -> None:
    env.running(0)
    env.complete(done(0, "W", delay=5))
    env.now += 5


def waits(env: Environment) -> None:
    """Two tasks wait for a retry in half a second."""
    env.running(0, 1)
    env.complete(done(0, "W"), done(1, "W"))


HASTEN = ("r1", "me", 0, 1, "5", LIST, 1, 1, "5", LIST)


CHILDREN = ("c1", "c2")


def child_calls(runs: Sequence[str] = CHILDREN, *, is_list: bool = True) -> Calls:
    return Calls(tuple(StoredCall(run, "etl", 0) for run in runs), is_list)


def calls_args(runs: Sequence[str] = CHILDREN) -> tuple[str, bytes]:
    """The token and the payload of attempt 1 of task 0 that has called these runs."""
    digest = digest_of(pack_graph(compiled(4)))
    graph = CalledGraph(digest, "etl", 4, "v1")
    children = [ChildRun(run, 0, b"") for run in runs]
    return f"0,1,N,{LIST},5", calls_payload(child_calls(runs).pack(), [graph], children)


def called(env: Environment, runs: Sequence[str] = CHILDREN) -> None:
    """Task 0 of run r1 has called these runs."""
    env.running(0)
    token, payload = calls_args(runs)
    env.complete(Outcome.decode("r1", token, payload))


def begun(env: Environment) -> None:
    """Both runs that were called have begun."""
    called(env)
    for run in CHILDREN:
        env.link.call("HSET", env.keys.tasks(run), 0, "S1,W.0,0,0,0")


def left(env: Environment) -> None:
    """A run that was called is over, and its parent is gone."""
    begun(env)
    env.finish("c1")
    env.finish("r1", "failed", 0)


def forgotten(env: Environment) -> None:
    """A task waits for runs, and is listed beside one of a run that is gone, and nonsense."""
    begun(env)
    env.link.call("SADD", env.keys.parents(), "r9,0", "nonsense")


def stopped_short(env: Environment) -> None:
    """A run was resumed of which a task had failed, because of a run that it had called."""
    begun(env)
    env.finish("c1", "failed", 0)
    env.finish("c2")
    env.complete_called()
    env.finish("r1", "failed", 0)
    env.client.resume("r1")


def stopping(env: Environment) -> None:
    env.running(0)
    env.queue(1)
    env.client.cancel("r1")


def gone(env: Environment) -> None:
    env.submit()
    env.acquire_lease()
    env.link.call("DEL", env.keys.run("r1"))


def cast_off(env: Environment) -> None:
    """A finished run, of which one task is still queued and one waits for a retry."""
    env.running(0)
    env.complete(done(0, "W"))
    env.queue(1)
    env.finish(outcome="cancelled")


def led(env: Environment) -> None:
    env.submit()
    env.acquire_lease()


def awaited(env: Environment) -> None:
    """A scheduler that leads no shard stands by for the lease."""
    env.acquire_lease()
    env.raw("acquire_lease", "s2", HOUR_MS, "0/1", 0)


def complete_args(code: str, more: str = "") -> Callable[[Environment], tuple[object, ...]]:
    token = done(0, code).token + more
    return lambda env: ("W.0", 2, 5, 1, "", 1, LIST, "r1", 1, token, "payload")


def waits_for_a_turn(env: Environment) -> None:
    env.ready()
    env.apply("line", "r1", LIST, "5", "", 2, 0, 1)


def waits_for_a_function(env: Environment) -> None:
    env.worker.register_app(APP, [FUNCTION], lease_ms=HOUR_MS)
    env.ready()
    env.queue(0, 1, list_=of_function(LIST, FUNCTION))


def partly_claimed(env: Environment) -> None:
    """Of the two tasks in the backlog of a run, one is running."""
    waits_for_a_turn(env)
    env.claim(limit=1)


def waits_for_both(env: Environment) -> None:
    """One task waits for the turn of its run in a list of its function, one beside it."""
    env.worker.register_app(APP, [FUNCTION], lease_ms=HOUR_MS)
    env.ready(1)
    env.apply("line", "r1", of_function(LIST, FUNCTION), "5", "", 1, 0)


def ran_elsewhere(env: Environment) -> None:
    """A worker with another version of the app has run a task of the run; another one waits."""
    env.ready(0, 1, lanes=("W.0", "W.1"))
    env.worker.register_app("f" * 16, [FUNCTION], "v2", lease_ms=HOUR_MS)
    env.worker.register_app(V1, [FUNCTION, OF_V1], "v1", lease_ms=HOUR_MS)
    env.register("V", lanes=("V.0",))
    env.worker.complete("V.0", [], 1, 1, 1, [LIST], "f" * 16)


def reporting(env: Environment) -> None:
    """Two attempts have reported how far they are; one reports the same again."""
    env.register()
    env.worker.report_progress("W", {"r1,0,1": "W.0,1,9,rows", "r1,1,1": "W.0,7,9,rows"})


def printed(env: Environment) -> None:
    """Two attempts run, and one has printed a line."""
    env.running(0, 1)
    env.raw("append_logs", "r1", "W.0", 1, 1000, 0, 0, 1, "1,1", "a line")


def half_failed(env: Environment) -> None:
    """Of two tasks that are to fail, a worker has claimed one meanwhile."""
    env.ready(0, 1)
    env.claim(limit=1)


ENTRY = ("state", "e", "value", "")


def kept(env: Environment) -> None:
    env.raw("set_state", *ENTRY, HOUR_MS)
    env.now += HOUR_MS
