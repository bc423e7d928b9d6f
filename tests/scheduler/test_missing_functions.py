"""Tasks that no live worker of their queue can run: told once, and failed after a timeout."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from stage import Stage, dag_of
from whole_run import Heard

from flowkit.events.runs import RunLacksFunction
from flowkit.protocol.app_functions import app_id, function_id
from flowkit.protocol.records import ErrorInfo, parse_record
from flowkit.scheduler.missing_functions import MOST_APPS, MissingFunctions
from flowkit.scheduler.resolver import Resolver
from flowkit.scheduler.serving import Serving

HOUR_MS = 3_600_000


class Scene:
    """A scheduler's resolver and the duty, with workers that register."""

    def __init__(self, stage: Stage, timeout: float = 0.0) -> None:
        self.stage, self.seconds, self.heard = stage, 0.0, Heard()
        self.store = stage.leading()
        self.serving = Serving(self.store)
        self.resolver = Resolver(self.store, stage.listener, 100, self.serving)
        self.resolver.recover("0")
        self.duty = MissingFunctions(
            self.store,
            self.resolver.active,
            self.serving,
            self.heard,
            timeout,
            monotonic=lambda: self.seconds,
        )

    def register(self, worker: str, *refs: str, known: bool = True) -> None:
        functions = [function_id(ref) for ref in refs]
        app = app_id(functions) if known else ""
        about = {"app": f"{worker}.py", "queues": ["default"], "turns": True, "functions": app}
        self.stage.worker.heartbeat(worker, HOUR_MS, [], msgpack.packb(about), app)
        if app:
            self.stage.worker.register_app(app, functions, lease_ms=HOUR_MS)
        self.serving.look()

    def look(self, seconds: float = 0.0) -> None:
        self.seconds += seconds
        self.duty.run_once()
        self.resolver.run_once(1)


@pytest.fixture
def scene(stage: Stage) -> Any:
    return Scene(stage, 60.0)


def ref() -> str:
    return dag_of("a").refs[0]


def test_a_task_whose_function_no_worker_has_is_told_once(scene: Scene) -> None:
    scene.register("W", "app:other")
    scene.stage.submit(dag_of("a"))
    scene.resolver.run_once(1)
    for _ in range(3):
        scene.look(1.0)
    (event,) = scene.heard.events
    assert isinstance(event, RunLacksFunction)
    assert (event.task_name, event.queue, event.function) == ("a", "default", ref())
    assert event.apps == "W.py"
    assert "no live worker of queue 'default'" in event.message()


def test_it_fails_after_the_timeout_and_the_run_ends(scene: Scene) -> None:
    scene.register("W", "app:other")
    scene.stage.submit(dag_of("a"))
    scene.resolver.run_once(1)
    scene.look()
    scene.look(59.0)
    assert scene.resolver.active
    scene.look(1.0)
    assert not scene.resolver.active
    dump = scene.stage.dump()
    assert dump["run:r1"]["state"] == "failed"
    error = ErrorInfo.unpack(scene.stage.link.call("HGET", scene.stage.client.keys.errors("r1"), 0))
    assert error.type == "TaskNotFoundError"
    assert "for 60 s" in error.message
    assert "W.py" in error.message


def test_the_wait_begins_when_the_function_is_missed(scene: Scene) -> None:
    scene.look(1000.0)  # the scheduler has been running for a while
    scene.register("W", "app:other")
    scene.stage.submit(dag_of("a"))
    scene.resolver.run_once(1)
    scene.look()
    scene.look(59.0)
    assert scene.resolver.active


def test_a_worker_that_comes_in_time_ends_the_wait(scene: Scene) -> None:
    scene.register("W", "app:other")
    scene.stage.submit(dag_of("a"))
    scene.resolver.run_once(1)
    scene.look(59.0)
    scene.register("X", "app:other", ref())
    scene.look(59.0)
    scene.look(59.0)
    assert scene.resolver.active, "a worker has it, however long it takes"


def test_children_that_have_just_loaded_the_function_are_not_overlooked(scene: Scene) -> None:
    """What the scheduler knows of a worker is some seconds old. Nothing fails because of that."""
    scene.register("W", "app:other")
    scene.stage.submit(dag_of("a"))
    scene.resolver.run_once(1)
    scene.look()
    app = app_id([function_id(ref())])
    scene.stage.worker.register_app(app, [function_id(ref())], lease_ms=HOUR_MS)
    about = {"app": "W.py", "queues": ["default"], "turns": True, "functions": app}
    scene.stage.worker.heartbeat("W", HOUR_MS, [], b"=" + msgpack.packb(about), app)
    scene.look(60.0)
    assert scene.resolver.active


def test_the_apps_that_a_message_names_are_bounded(scene: Scene) -> None:
    for number in range(300):
        scene.register(f"W{number}", "app:other")
    scene.stage.submit(dag_of("a"))
    scene.resolver.run_once(1)
    scene.look()
    (event,) = scene.heard.events
    assert isinstance(event, RunLacksFunction)
    assert event.apps.startswith("W0.py, W1.py")
    assert len(event.apps) < MOST_APPS + 50


@pytest.mark.parametrize("known", [True, False])
def test_without_a_worker_or_with_an_unknown_app_nothing_fails(scene: Scene, known: bool) -> None:
    if not known:
        scene.register("W", "app:other")
        scene.register("X", known=False)
    scene.stage.submit(dag_of("a"))
    scene.resolver.run_once(1)
    scene.look(1000.0)
    scene.look(1000.0)
    assert not scene.heard.events
    assert scene.resolver.active


def test_what_a_worker_runs_is_left_to_it(scene: Scene) -> None:
    scene.stage.submit(dag_of("a"))
    scene.resolver.run_once(1)
    assert scene.stage.claim()
    scene.register("W", "app:other")
    scene.look()
    scene.look(61.0)
    record = scene.stage.link.call("HGET", scene.stage.client.keys.tasks("r1"), 0)
    assert parse_record(record).state.value == "running"


def test_without_a_timeout_it_waits(stage: Stage) -> None:
    scene = Scene(stage)
    scene.register("W", "app:other")
    stage.submit(dag_of("a"))
    scene.resolver.run_once(1)
    scene.look(10**9)
    scene.look(10**9)
    assert scene.resolver.active
