"""What is played: runs, what their client does to them and when, and how they must end.

A step is done by a client when its time has come. A client that dies over a step does it again,
as a person would: so a step may find that it was done already, and takes that for an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import crash_app

from flowkit import DAG, Client
from flowkit.core.states import RunState
from flowkit.exceptions import RunAlreadyOver, RunNotFound, RunNotOver, TaskNotFailed
from flowkit.scheduler.serving import SMALL

if TYPE_CHECKING:
    from crash_environment import Environment


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a client does. ``when``: whether its time has come."""

    when: Callable[[Environment], bool]
    do: Callable[[Environment, Client], object]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Runs and steps. ``ends``: how each run must end; ``deaths``: how many are part of it.

    ``once``: a task that must not start twice. It, and with it its run, may fail instead.
    ``small``: the most tasks of a DAG whose attempts wait for no turn. ``lacks``: functions that
    the app of a second worker lacks; without any there is one worker. ``missing``: a task of which
    no worker has the function, so that it fails after a time; then the second worker is alone.
    ``called``: the DAGs whose runs tasks call, by name.
    """

    name: str
    runs: tuple[tuple[str, DAG], ...]
    steps: tuple[Step, ...]
    ends: Mapping[str, RunState]
    deaths: int = 0
    once: str = ""
    small: int = SMALL
    lacks: frozenset[str] = frozenset()
    missing: str = ""
    called: Mapping[str, DAG] = field(default_factory=dict)


def _at_once(env: Environment) -> bool:
    return True


TOO_LATE = (RunAlreadyOver, RunNotFound, RunNotOver, TaskNotFailed)


def _or_done_before(env: Environment) -> AbstractContextManager[None]:
    """Who does a step again may be told that it is too late for it; nobody else may."""
    return suppress(*TOO_LATE) if env.tries > 1 else nullcontext()


def _submit(run: str, dag: DAG) -> Step:
    return Step(_at_once, lambda env, client: client.submit(dag, run_id=run))


def _when_over(run: str, do: Callable[[Environment, Client], object]) -> Step:
    return Step(lambda env: env.watch.is_over(run), do)


def _read(run: str) -> Step:
    def read(env: Environment, client: Client) -> None:
        client.run(run).status()
        client.run(run).results()

    return _when_over(run, read)


def mixed() -> Scenario:
    """Retry, skips, fan-in, failure, clean-up and hooks; then what came of it is read."""
    dag = crash_app.MIXED
    steps = (_submit("mixed", dag), _read("mixed"))
    return Scenario("mixed", (("mixed", dag),), steps, {"mixed": RunState.FAILED})


def resumed() -> Scenario:
    """A run is cancelled while one of its tasks runs, and then resumed."""
    dag, run = crash_app.CANCELLED, "resumed"

    def cancel(env: Environment, client: Client) -> None:
        with _or_done_before(env):
            client.run(run).cancel()

    def resume(env: Environment, client: Client) -> None:
        env.gate_open = True
        with _or_done_before(env):
            client.run(run).resume()

    steps = (
        _submit(run, dag),
        # If it is over, somebody died over the cancel, and asks once more.
        Step(lambda env: env.is_held() or env.watch.is_over(run), cancel),
        _when_over(run, resume),
        _read(run),
    )
    return Scenario("resumed", ((run, dag),), steps, {run: RunState.SUCCEEDED})


def hastened() -> Scenario:
    """A task waits an hour for its retry, and a client does not want to wait."""
    dag, run = crash_app.HASTENED, "hastened"

    def retry(env: Environment, client: Client) -> None:
        # A worker that died over the first attempt has made it start again, and it never waited.
        with suppress(*TOO_LATE) if env.watch.is_over(run) else _or_done_before(env):
            client.run(run).retry("waits")

    steps = (
        _submit(run, dag),
        Step(
            lambda env: env.watch.is_waiting(run) or env.tries > 0 or env.watch.is_over(run), retry
        ),
        _read(run),
    )
    return Scenario("hastened", ((run, dag),), steps, {run: RunState.SUCCEEDED})


def comes_again() -> Scenario:
    """Tasks come again, then a resume makes one of them begin anew."""
    dag, run = crash_app.AGAIN, "again"

    def anew(env: Environment, client: Client) -> None:
        with _or_done_before(env):
            client.run(run).resume(from_task="comes_again")

    steps = (_submit(run, dag), _when_over(run, anew), _read(run))
    return Scenario("comes_again", ((run, dag),), steps, {run: RunState.SUCCEEDED})


def cached() -> Scenario:
    """Of two runs the second finds the result of the first; then a task is run again."""
    dag = crash_app.CACHED

    def again(env: Environment, client: Client) -> None:
        with _or_done_before(env):
            client.run("second").resume(from_task="end")

    steps = (
        _submit("first", dag),
        _when_over("first", lambda env, client: client.submit(dag, run_id="second")),
        _when_over("second", again),
        _read("second"),
    )
    ends = {"first": RunState.SUCCEEDED, "second": RunState.SUCCEEDED}
    return Scenario("cached", (("first", dag), ("second", dag)), steps, ends)


def deaths() -> Scenario:
    """Tasks end their process and their host; worker and scheduler are stopped in good order.

    Whatever fault comes on top of that hits a system that is mending itself.
    """
    dag, run = crash_app.DEATHS, "deaths"

    def replace(env: Environment, client: Client) -> None:
        env.stop_in_order(env.workers)
        env.stop_in_order(env.schedulers)

    steps = (
        _submit(run, dag),
        Step(lambda env: env.watch.done(run) >= 2, replace),
        _read(run),
    )
    return Scenario("deaths", ((run, dag),), steps, {run: RunState.SUCCEEDED}, deaths=2)


def careful() -> Scenario:
    """One task must not start twice, whatever happens."""
    dag, run = crash_app.CAREFUL, "careful"
    ends = {run: RunState.SUCCEEDED}
    return Scenario("careful", ((run, dag),), (_submit(run, dag), _read(run)), ends, once="once")


def turns() -> Scenario:
    """As ``mixed``, and all attempts wait for the turn of their run."""
    dag = crash_app.MIXED
    steps = (_submit("turns", dag), _read("turns"))
    return Scenario("turns", (("turns", dag),), steps, {"turns": RunState.FAILED}, small=0)


def handed_on() -> Scenario:
    """The app of one worker lacks functions: it hands on what it claims of them."""
    dag, run = crash_app.CAREFUL, "handed_on"
    ends = {run: RunState.SUCCEEDED}
    lacks = frozenset({"crash_app:once", "crash_app:listed"})
    steps = (_submit(run, dag), _read(run))
    return Scenario("handed_on", ((run, dag),), steps, ends, once="once", small=0, lacks=lacks)


def missing() -> Scenario:
    """No worker has the function of the last task: it fails after a time."""
    dag, run = crash_app.CACHED, "missing"
    ends = {run: RunState.FAILED}
    lacks = frozenset({"crash_app:total"})
    steps = (_submit(run, dag), _read(run))
    return Scenario("missing", ((run, dag),), steps, ends, lacks=lacks, missing="end")


def dropped() -> Scenario:
    """Results are dropped when they are needed no longer, and made again for a task that is."""
    dag, run = crash_app.DROPPED, "dropped"

    def again(env: Environment, client: Client) -> None:
        with _or_done_before(env):
            client.run(run).resume(from_task="sum")

    steps = (_submit(run, dag), _when_over(run, again), _read(run))
    return Scenario("dropped", ((run, dag),), steps, {run: RunState.SUCCEEDED})


def mapped() -> Scenario:
    """Lists become items, item by item; then one item is run again with what is behind it."""
    dag, run = crash_app.MAPPED, "mapped"

    def again(env: Environment, client: Client) -> None:
        with _or_done_before(env):
            client.run(run).resume(from_task="piece[0]")

    steps = (_submit(run, dag), _when_over(run, again), _read(run))
    return Scenario("mapped", ((run, dag),), steps, {run: RunState.SUCCEEDED})


def nested() -> Scenario:
    """A task calls two runs, and then again, since the run is resumed from it."""
    dag, run = crash_app.NESTED, "nested"

    def again(env: Environment, client: Client) -> None:
        with _or_done_before(env):
            client.run(run).resume(from_task="calls")

    steps = (_submit(run, dag), _when_over(run, again), _read(run))
    ends = {run: RunState.SUCCEEDED}
    return Scenario("nested", ((run, dag),), steps, ends, called=crash_app.CALLED)


def continued() -> Scenario:
    """A run that a task has called fails, and with it the task; a resume continues both."""
    dag, run = crash_app.CONTINUED, "continued"

    def resume(env: Environment, client: Client) -> None:
        env.gate_open = True
        with _or_done_before(env):
            client.run(run).resume()

    steps = (_submit(run, dag), _when_over(run, resume), _read(run))
    ends = {run: RunState.SUCCEEDED}
    return Scenario("continued", ((run, dag),), steps, ends, called=crash_app.CALLED)


def called_off() -> Scenario:
    """A run is cancelled while a task waits for runs that it has called, and then resumed."""
    dag, run = crash_app.CALLED_OFF, "called_off"

    def cancel(env: Environment, client: Client) -> None:
        with _or_done_before(env):
            client.run(run).cancel()

    def resume(env: Environment, client: Client) -> None:
        env.gate_open = True
        with _or_done_before(env):
            client.run(run).resume()

    steps = (
        _submit(run, dag),
        Step(
            lambda env: any(map(env.watch.is_waiting, env.watch.called)) or env.watch.is_over(run),
            cancel,
        ),
        _when_over(run, resume),
        _read(run),
    )
    ends = {run: RunState.SUCCEEDED}
    return Scenario("called_off", ((run, dag),), steps, ends, called=crash_app.CALLED)


def deleted() -> Scenario:
    """A run that is over is deleted, and submitted again under its id."""
    dag, run = crash_app.DROPPED, "deleted"

    def delete(env: Environment, client: Client) -> None:
        env.forgotten[run] = len(env.starts)
        with _or_done_before(env):
            client.run(run).delete()

    steps = (_submit(run, dag), _when_over(run, delete), _submit(run, dag), _read(run))
    return Scenario("deleted", ((run, dag),), steps, {run: RunState.SUCCEEDED})


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    scenario.__name__: scenario
    for scenario in (
        *(
            mixed,
            resumed,
            hastened,
            comes_again,
            cached,
            deaths,
            careful,
            turns,
            handed_on,
            missing,
            dropped,
            mapped,
            nested,
            continued,
            called_off,
            deleted,
        ),
    )
}
