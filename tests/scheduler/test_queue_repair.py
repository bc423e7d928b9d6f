"""Ready lists and ``delayed`` are hints: deleted, they are written again from the records."""

from __future__ import annotations

import msgpack
from stage import Stage, dag_of

from flowkit.protocol.app_functions import app_id, function_id
from flowkit.protocol.keys import of_function
from flowkit.scheduler.queue_repair import QueueRepair
from flowkit.scheduler.serving import Serving

HOUR_MS = 3_600_000


def test_a_deleted_ready_list_is_rebuilt(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of(*"abc"))
    resolver.run_once(1)
    before = stage.dump()
    stage.link.call("DEL", stage.client.keys.ready("default", "5"))
    queue_repair = stage.queue_repair(resolver)
    assert queue_repair.sweep() == 3
    assert stage.dump() | {"wake:default": before["wake:default"]} == before
    assert queue_repair.sweep() == 0


def test_a_deleted_retry_is_rebuilt_with_its_time(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a"))
    resolver.run_once(1)
    stage.work("W")
    resolver.run_once(1)
    before = stage.dump()
    assert before["delayed"] == {"r1,0,2,default,5": stage.now + 1000}
    stage.link.call("DEL", stage.client.keys.delayed())
    assert stage.queue_repair(resolver).repair() == 1
    assert stage.dump() == before


def test_running_and_finished_tasks_get_no_entry(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of(*"abc"))
    resolver.run_once(1)
    claims = stage.claim()
    stage.end(claims[:1])
    stage.link.call("DEL", stage.client.keys.ready("default", "5"))
    assert stage.queue_repair(resolver).repair() == 0


def test_an_existing_entry_is_not_duplicated(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of(*"abc"))
    resolver.run_once(1)
    stage.link.call("LPOP", stage.client.keys.ready("default", "5"))
    assert stage.queue_repair(resolver).sweep() == 1
    assert sorted(stage.dump()["ready:default:5"]) == ["r1,0,1", "r1,1,1", "r1,2,1"]


def test_a_lost_suspect_stays_a_suspect(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a"))
    resolver.run_once(1)
    stage.claim()
    resolver._store.link.call("ZADD", stage.client.keys.workers(), "0", "W")
    stage.worker.reap_child("W.0", ["r1,0", "r1,1"], 3, b"error")  # one of two: nobody knows which
    entries = stage.dump()["ready:default:!"]
    stage.link.call("DEL", stage.client.keys.ready("default", "!"))
    stage.queue_repair(resolver).repair()
    assert stage.dump()["ready:default:!"] == entries == ["r1,0,2"]


def test_a_retry_that_waits_for_the_workers_with_its_function_is_found_and_rebuilt(
    stage: Stage,
) -> None:
    """Written a second time, for all workers, it would be due first there."""
    serving = Serving(stage.store())
    for name, function in (("A", function_id("app:f")), ("B", function_id("app:other"))):
        app = app_id([function])
        stage.worker.register_app(app, [function], lease_ms=HOUR_MS)
        about: bytes = msgpack.packb({"queues": ["default"], "turns": True, "functions": app})
        stage.worker.heartbeat(name, HOUR_MS, [f"{name}.0"], about, app)
    serving.look()
    resolver = stage.resolver(serving=serving)
    stage.submit(dag_of("a"))
    resolver.run_once(1)
    stage.end(stage.claim(app=app_id([function_id("app:f")])), "W")
    resolver.run_once(1)
    before = stage.dump()
    name = of_function("default", function_id("app:f"))
    assert before["delayed"] == {f"r1,0,2,{name},5": stage.now + 1000}
    queue_repair = QueueRepair(resolver._store, resolver.active, serving)
    assert queue_repair.repair() == 0
    stage.link.call("DEL", stage.client.keys.delayed())
    assert queue_repair.repair() == 1
    assert stage.dump() == before
