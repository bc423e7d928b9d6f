"""Which ready lists the scheduler uses, given the workers that serve a queue."""

from __future__ import annotations

from collections.abc import Sequence

import msgpack
from stage import Stage, dag_of

from flowkit.protocol.app_functions import app_id, function_id
from flowkit.protocol.keys import of_function
from flowkit.scheduler.serving import OLDER_EVERY, REREAD_EVERY, Serving

MINE, OTHER = function_id("app:f"), function_id("app:other")
LEASE_MS = 3_600_000
MY_LIST = of_function("default", MINE)


def worker(stage: Stage, name: str, functions: Sequence[str] = (), *, older: bool = False) -> None:
    app = app_id(functions) if functions else ""
    about = {"queues": ["default"], "turns": not older, "functions": app}
    packed: bytes = msgpack.packb(about)
    stage.worker.heartbeat(name, LEASE_MS, [f"{name}.0"], packed, app)


def used(stage: Stage) -> set[str]:
    """Return the ready lists with attempts."""
    names = (name for name in stage.dump() if name.startswith("ready:"))
    return {name.split(":")[1] for name in names if not name.endswith("@")}


def test_while_the_functions_of_an_app_are_unknown_none_is_lacking(stage: Stage) -> None:
    """As after the key of an app was deleted, until its worker has written it again."""
    serving = Serving(stage.store())
    resolver = stage.resolver(serving=serving)
    worker(stage, "A", [MINE])
    serving.look()
    stage.submit(dag_of("a b c"))
    resolver.run_once(1)
    assert used(stage) == {"default"}
    stage.worker.register_app(app_id([MINE]), [MINE], lease_ms=LEASE_MS)
    serving.look()
    stage.end(stage.claim(app=app_id([MINE])))
    resolver.run_once(1)
    assert used(stage) == {"default"}


def test_a_worker_whose_children_have_loaded_another_app_is_read_again(stage: Stage) -> None:
    """As after its files were changed, and a child was replaced."""
    serving = Serving(stage.store())
    for functions in ([MINE], [OTHER]):
        stage.worker.register_app(app_id(functions), functions, lease_ms=LEASE_MS)
    worker(stage, "A", [OTHER])
    serving.look()
    resolver = stage.resolver(serving=serving)
    run = stage.submit(dag_of("a"))
    resolver.run_once(1)
    active = resolver.active[run]
    assert serving.absent(active, "default") == {0}
    about = {"queues": ["default"], "turns": True, "functions": app_id([OTHER])}
    about["other_functions"] = [app_id([MINE])]
    stage.worker.heartbeat("A", LEASE_MS, ["A.0"], b"=" + msgpack.packb(about), "")
    for _ in range(REREAD_EVERY):
        serving.run_once()
    assert serving.absent(active, "default") == frozenset()


def test_versions_may_share_a_run_unless_they_are_apps_that_divide_it(stage: Stage) -> None:
    serving = Serving(stage.store())
    both, mine, other = [MINE, OTHER], [MINE], [OTHER]
    for name, functions in (("A", both), ("B", mine), ("C", other)):
        stage.worker.register_app(app_id(functions), functions, lease_ms=LEASE_MS)
        worker(stage, name, functions)
    serving.look()
    dag = dag_of("a")  # has only the function of MINE
    assert serving.may_share(dag, [app_id(both), app_id(mine)]) is True
    assert serving.may_share(dag, [app_id(mine), app_id(other)]) is False
    assert serving.may_share(dag, []) is True, "nothing is known of them"
    assert serving.may_share(dag, ["f" * 16, "e" * 16]) is True, "nothing is known of them"
    assert serving.may_share(dag, ["f" * 16, app_id(other)]) is False
    assert serving.may_share(dag, ["f" * 16, app_id(mine)]) is True


def test_an_app_whose_key_holds_another_type_stops_nobody(stage: Stage) -> None:
    serving = Serving(stage.store())
    worker(stage, "A", [MINE])
    stage.worker.register_app(app_id([MINE]), [MINE], lease_ms=LEASE_MS)
    worker(stage, "S", [OTHER])
    stage.link.call("SET", stage.worker.keys.app(app_id([OTHER])), "x")
    serving.look()
    resolver = stage.resolver(serving=serving)
    run = stage.submit(dag_of("a"))
    resolver.run_once(1)
    assert serving.absent(resolver.active[run], "default") == frozenset()
    assert used(stage) == {"default"}
    stage.link.call("DEL", stage.worker.keys.app(app_id([OTHER])))


def test_queues_of_workers_of_an_older_release_have_no_lists_of_functions(stage: Stage) -> None:
    serving = Serving(stage.store())
    resolver = stage.resolver(serving=serving)
    worker(stage, "A", [OTHER])
    stage.worker.register_app(app_id([OTHER]), [OTHER], lease_ms=LEASE_MS)
    worker(stage, "B", older=True)
    serving.look()
    stage.submit(dag_of("a"))
    resolver.run_once(1)
    assert used(stage) == {"default"}


def test_what_is_handed_on_is_queued_for_workers_of_an_older_release(stage: Stage) -> None:
    calls: list[str] = []
    serving = Serving(stage.store(), lambda: calls.append("repair"))
    worker(stage, "A", [OTHER])
    worker(stage, "B", older=True)
    serving.run_once()
    assert calls == ["repair"]  # they begin to serve
    for _ in range(2 * OLDER_EVERY):
        serving.run_once()
    assert calls == ["repair"]
    stage.link.call("SADD", stage.client.keys.parked("default"), MINE)
    for _ in range(2 * OLDER_EVERY):
        serving.run_once()
    assert calls == ["repair"] * 3


def test_only_runs_of_many_tasks_wait_for_turns_and_only_of_workers_that_know_them(
    stage: Stage,
) -> None:
    serving = Serving(stage.store(), small=2)
    resolver = stage.resolver(serving=serving)
    worker(stage, "A")
    serving.look()

    def lists(names: str, run: str) -> set[str]:
        before = set(stage.dump())
        stage.submit(dag_of(*names.split()), run)
        resolver.run_once(1)
        return {name for name in set(stage.dump()) - before if name.startswith("ready:")}

    assert lists("a b", "small") == {"ready:default:5"}
    assert lists("a b c", "large") == {"ready:default:5+", "ready:default:5:large"}
    worker(stage, "B", older=True)
    serving.look()
    assert lists("a b c d", "later") == set()  # they join the plain list
    assert len(stage.dump()["ready:default:5"]) == 2 + 4


def test_a_worker_whose_first_child_has_not_loaded_its_app_is_read_again(stage: Stage) -> None:
    serving = Serving(stage.store())
    resolver = stage.resolver(serving=serving)
    worker(stage, "A")
    serving.look()
    stage.worker.register_app(app_id([OTHER]), [OTHER], lease_ms=LEASE_MS)
    worker(stage, "A", [OTHER])
    stage.worker.register_app(app_id([MINE, OTHER]), [MINE, OTHER], lease_ms=LEASE_MS)
    worker(stage, "B", [MINE, OTHER])
    serving.look()
    stage.submit(dag_of("a"))
    resolver.run_once(1)
    assert used(stage) == {MY_LIST}
