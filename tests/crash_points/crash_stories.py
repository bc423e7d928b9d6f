"""What is played: runs, what their client does to them and when, and how they must end.

A step is done by a client when its time has come. A client that dies over a step does it again,
as a person would: so a step may find that it was done already, and takes that for an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import crash_app

from flowkit import DAG, Client
from flowkit.core.states import RunState
from flowkit.exceptions import RunAlreadyOver, RunNotOver

if TYPE_CHECKING:
    from crash_world import World


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a client does. ``when``: whether its time has come."""

    when: Callable[[World], bool]
    do: Callable[[World, Client], object]


@dataclass(frozen=True, slots=True)
class Story:
    """Runs and steps. ``ends``: how each run must end; ``deaths``: how many are part of it.

    ``once``: a task that must not start twice. It, and with it its run, may fail instead.
    """

    name: str
    runs: tuple[tuple[str, DAG], ...]
    steps: tuple[Step, ...]
    ends: Mapping[str, RunState]
    deaths: int = 0
    once: str = ""


def _at_once(world: World) -> bool:
    return True


def _or_done_before(world: World) -> AbstractContextManager[None]:
    """Who does a step again may be told that it is too late for it; nobody else may."""
    return suppress(RunAlreadyOver, RunNotOver) if world.tries > 1 else nullcontext()


def _submit(run: str, dag: DAG) -> Step:
    return Step(_at_once, lambda world, client: client.submit(dag, run_id=run))


def _when_over(run: str, do: Callable[[World, Client], object]) -> Step:
    return Step(lambda world: world.watch.is_over(run), do)


def _read(run: str) -> Step:
    def read(world: World, client: Client) -> None:
        client.run(run).status()
        client.run(run).results()

    return _when_over(run, read)


def mixed() -> Story:
    """Retry, skips, fan-in, failure, clean-up and hooks; then what came of it is read."""
    dag = crash_app.MIXED
    steps = (_submit("mixed", dag), _read("mixed"))
    return Story("mixed", (("mixed", dag),), steps, {"mixed": RunState.FAILED})


def resumed() -> Story:
    """A run is cancelled while one of its tasks runs, and then taken up again."""
    dag, run = crash_app.CANCELLED, "resumed"

    def cancel(world: World, client: Client) -> None:
        with _or_done_before(world):
            client.run(run).cancel()

    def resume(world: World, client: Client) -> None:
        world.gate_open = True
        with _or_done_before(world):
            client.run(run).resume()

    steps = (
        _submit(run, dag),
        # If it is over, somebody died over the cancel, and asks once more.
        Step(lambda world: world.is_held() or world.watch.is_over(run), cancel),
        _when_over(run, resume),
        _read(run),
    )
    return Story("resumed", ((run, dag),), steps, {run: RunState.SUCCEEDED})


def cached() -> Story:
    """Of two runs the second finds the result of the first; then a task is made again."""
    dag = crash_app.CACHED

    def again(world: World, client: Client) -> None:
        with _or_done_before(world):
            client.run("second").resume(from_task="end")

    steps = (
        _submit("first", dag),
        _when_over("first", lambda world, client: client.submit(dag, run_id="second")),
        _when_over("second", again),
        _read("second"),
    )
    ends = {"first": RunState.SUCCEEDED, "second": RunState.SUCCEEDED}
    return Story("cached", (("first", dag), ("second", dag)), steps, ends)


def deaths() -> Story:
    """Tasks end their process and their host; worker and scheduler are stopped in good order.

    Whatever fault comes on top of that hits a system that is mending itself.
    """
    dag, run = crash_app.DEATHS, "deaths"

    def replace(world: World, client: Client) -> None:
        world.stop_in_order(world.workers)
        world.stop_in_order(world.schedulers)

    steps = (
        _submit(run, dag),
        Step(lambda world: world.watch.done(run) >= 2, replace),
        _read(run),
    )
    return Story("deaths", ((run, dag),), steps, {run: RunState.SUCCEEDED}, deaths=2)


def careful() -> Story:
    """One task must not start twice, whatever happens."""
    dag, run = crash_app.CAREFUL, "careful"
    ends = {run: RunState.SUCCEEDED}
    return Story("careful", ((run, dag),), (_submit(run, dag), _read(run)), ends, once="once")


STORIES: dict[str, Callable[[], Story]] = {
    story.__name__: story for story in (mixed, resumed, cached, deaths, careful)
}
