"""The serving duty: knows which live workers serve which queue, and what they can run.

Tasks wait in different places depending on that. Workers of an older release know no turns. And if
the apps of the workers of a queue differ, as during a deployment, then a function that one of them
lacks has a separate list, from which only the others claim. The tasks of a run that is pinned to
a version of its app always wait in lists of their functions in that version.

Workers of an older release do not know such lists either, so the scheduler uses none for a queue
that they serve. What a worker hands on waits there all the same. It is queued for the others too
now and then, since they may have its function.

The descriptions of workers change rarely, so only those of new workers are read every time. What it
knows may be five seconds old. That costs time, never correctness: a worker runs only what its app
has, and hands on the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.core.worker_info import WorkerInfo
from flowkit.protocol.app_functions import function_id, pinned_id
from flowkit.protocol.keys import of_function, queue_of, ready_list
from flowkit.protocol.scheduler_store import SchedulerStore

from .active import Active
from .loop import Duty

EVERY_S = 0.5
OLDER_EVERY = 10  # looks between two that queue what was handed on, see above
REREAD_EVERY = 10  # looks between two that read the descriptions of all workers
# A run with at most so many dispatched tasks waits for no turn: they would fit into one. Chains and
# small runs, whose latency counts, are spared the commands of a turn.
SMALL = 8


class Coverage(NamedTuple):
    """The references of a DAG (by number) that some workers of a queue lack, and that all lack."""

    lacking: frozenset[int]
    absent: frozenset[int]


EVERYTHING = Coverage(frozenset(), frozenset())


class Serving(Duty):
    """Which queues are served, and by whom."""

    name = "serving"

    def __init__(
        self,
        store: SchedulerStore,
        on_older: Callable[[], object] = lambda: None,
        *,
        small: int = SMALL,
    ) -> None:
        """``on_older`` is called when workers of an older release do not find attempts: when they
        begin to serve a queue, and when others hand on what they lack. ``small``: see ``SMALL``;
        only tests pass it.
        """
        self._store = store
        self._on_older = on_older
        self._small = small
        self._workers: dict[str, WorkerInfo] = {}
        self._functions: dict[str, frozenset[str]] = {}  # of an app
        self._apps: dict[str, frozenset[str]] = {}  # of a queue, "" for an unknown one
        # Runs of one DAG share its graph.
        self._coverage_of: WeakKeyDictionary[Graph, dict[str, Coverage]] = WeakKeyDictionary()
        self._looks = 0
        self.without_turns: frozenset[str] = frozenset()

    def run_once(self) -> float:
        """Look at the live workers; return the seconds until the next time."""
        before = self.without_turns
        self._looks += 1
        self.look(again=self._looks % REREAD_EVERY == 0)
        if not self.without_turns <= before or self._hidden_from_older():
            self._on_older()
        return EVERY_S

    def _hidden_from_older(self) -> bool:
        """Return, now and then, whether attempts wait where workers of an older release do not
        look, since another worker has handed them on."""
        if not self.without_turns or self._looks % OLDER_EVERY:
            return False
        return self._store.any_parked(self.lists_without_turns())

    def look(self, *, again: bool = False) -> None:
        """Read the descriptions of the workers that are new, and the functions of new apps.

        ``again``: read those of the others too. They change if children have loaded other files.
        """
        alive = self._store.live_workers()
        known = {
            worker: self._workers[worker]
            for worker in alive
            if not again and self._is_known(worker)
        }
        new = [worker for worker in alive if worker not in known]
        self._workers = known | {info.worker: info for info in self._store.about_workers(new)}
        infos = self._workers.values()
        self.without_turns = frozenset(
            queue for info in infos if not info.turns for queue in info.queues
        )
        apps: dict[str, set[str]] = {}
        for info in infos:
            for queue in info.queues:
                apps.setdefault(queue, set()).update(info.apps)
        functions = self._functions
        self._learn({app for some in apps.values() for app in some if app})
        now = {queue: frozenset(map(self._recorded, some)) for queue, some in apps.items()}
        if now != self._apps or self._functions != functions:
            self._apps = now
            self._coverage_of.clear()

    def _is_known(self, worker: str) -> bool:
        """Return whether the description of a worker is complete. It is without an app at first."""
        info = self._workers.get(worker)
        return info is not None and (not info.turns or bool(info.functions))

    def _learn(self, apps: set[str]) -> None:
        """Read the functions of new apps, and forget the apps that no worker has."""
        known = {app: some for app, some in self._functions.items() if app in apps and some}
        self._functions = known | self._store.functions_of(sorted(apps - known.keys()))

    def _recorded(self, app: str) -> str:
        """Return the app, "" if its functions are not recorded (yet)."""
        return app if self._functions.get(app) else ""

    # -- where tasks wait -----------------------------------------------------------------------

    def lists_without_turns(self) -> list[str]:
        """Return the ready lists from which workers of an older release claim."""
        return [
            ready_list(queue, is_async=is_async)
            for queue in sorted(self.without_turns)
            for is_async in (False, True)
        ]

    def verb(self, active: Active, ready: str) -> str:
        """Return the command of ``apply.lua`` that queues dispatched tasks of a run."""
        if active.state.dispatched <= self._small:
            return "queue"
        return "queue" if self.without_turns and queue_of(ready) in self.without_turns else "line"

    def by_list(
        self, active: Active, ready: str, tasks: Sequence[int]
    ) -> list[tuple[str, Sequence[int]]]:
        """Return (ready list, tasks): the list itself, and those of functions that a worker lacks.

        The order of the tasks is kept within each list.
        """
        if active.dag.pinned:
            return self._pinned(active.dag, ready, tasks)
        if self.without_turns and queue_of(ready) in self.without_turns:
            return [(ready, tasks)]
        lacking = self._known(active.dag, queue_of(ready)).lacking
        if not lacking:
            return [(ready, tasks)]
        dag = active.dag

        def list_of(ref: int) -> str:
            return of_function(ready, function_id(dag.refs[ref])) if ref in lacking else ready

        return _grouped(dag, tasks, list_of)

    def lists_of(self, active: Active, ready: str, task: int) -> tuple[str, ...]:
        """Return the lists for which a task may wait until it is due.

        The next attempt waits for the list of the one before, whatever the workers are now.
        """
        if active.dag.pinned:
            ((pinned, _),) = self._pinned(active.dag, ready, (task,))
            return (pinned,)
        ref = active.dag.refs[active.dag.ref_of[active.dag.numbering.node(task)]]
        return ready, of_function(ready, function_id(ref))

    @staticmethod
    def _pinned(
        dag: CompiledDAG, ready: str, tasks: Sequence[int]
    ) -> list[tuple[str, Sequence[int]]]:
        """Return the lists of functions in one version, from which only its workers claim."""
        return _grouped(
            dag, tasks, lambda ref: of_function(ready, pinned_id(dag.refs[ref], dag.pinned))
        )

    def may_share(self, dag: CompiledDAG, apps: Iterable[str]) -> bool:
        """Return whether all of these apps (ids) have one of the DAG's functions, if known.

        If not, they are different apps that divide the tasks among them, not versions of one.
        """
        had = [some for app in apps if (some := self._functions.get(app))]
        return not had or any(all(function_id(ref) in item for item in had) for ref in dag.refs)

    # -- what no live worker can run ------------------------------------------------------------

    def absent(self, active: Active, queue: str) -> frozenset[int]:
        """Return the references of a DAG (by number) that no live worker of a queue has.

        None of them while the apps of some of these workers are unknown.
        """
        return self._known(active.dag, queue).absent

    def apps_of(self, queue: str) -> list[str]:
        """Return the apps of the live workers of a queue, as their --app names them."""
        return sorted({info.app for info in self._workers.values() if queue in info.queues})

    def _known(self, dag: CompiledDAG, queue: str) -> Coverage:
        by_queue = self._coverage_of.setdefault(dag.graph, {})
        known = by_queue.get(queue)
        if known is None:
            known = by_queue[queue] = self._coverage(dag, queue)
        return known

    def _coverage(self, dag: CompiledDAG, queue: str) -> Coverage:
        """Without a live worker nothing is known, and nothing is said to be lacking."""
        apps = self._apps.get(queue, frozenset())
        had = [self._functions[app] for app in apps if app]
        if not had:
            return EVERYTHING
        ids = [function_id(ref) for ref in dag.refs]
        common, any_has = frozenset.intersection(*had), frozenset.union(*had)
        lacking = frozenset(at for at, function in enumerate(ids) if function not in common)
        absent = frozenset(at for at in lacking if ids[at] not in any_has)
        return Coverage(lacking, frozenset() if "" in apps else absent)


def _grouped(
    dag: CompiledDAG, tasks: Sequence[int], list_of: Callable[[int], str]
) -> list[tuple[str, Sequence[int]]]:
    """Group tasks by their list, in their order. ``list_of``: the list of a reference."""
    lists: dict[str, list[int]] = {}
    ref_of, node = dag.ref_of, dag.numbering.node
    for task in tasks:
        lists.setdefault(list_of(ref_of[node(task)]), []).append(task)
    return list(lists.items())
