"""Compare the annotated type of each result with that of the parameter that gets it.

Only a plain contradiction counts, such as ``-> int`` into ``text: str``: see plain_types.py. It is
logged as a warning, once for two functions, when the DAG is compiled or run; with
``DAG(check_types=True)`` it is an error. Everything else is left to type checkers. None, which a
task gets in place of the result of a skipped one, is not considered.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from operator import sub
from types import NoneType
from typing import NamedTuple

from ..events.programs import ResultTypeMismatch
from ..exceptions import DAGError
from .dag_warning import warn_of_dag
from .indexing import IndexedDAG
from .plain_types import PlainTypes, contradict, plain_types
from .task import Task

_MOST_SHOWN = 10


class Mismatch(NamedTuple):
    """A result whose annotation contradicts that of the parameter that gets it.

    ``at``: the number of the parameter.
    """

    upstream: Task
    task: Task
    at: int

    def sentence(self, dag_name: str) -> str:
        """Return what is wrong and how to mend it."""
        result, taken = _types(self.upstream), _types(self.task)
        text = (
            f"Task {self.task.name!r} of DAG {dag_name!r} gets the result of "
            f"{self.upstream.name!r}, which returns {result.texts['return']}, as its parameter "
            f"{taken.text_of(self.at)!r}. No conversion takes place between tasks: correct an "
            "annotation or the edge"
        )
        if result.result == frozenset({NoneType}):
            text += f", or, if only the order matters, {self.task.name}.after({self.upstream.name})"
        return f"{text}."


def check_result_types(dag_name: str, indexed: IndexedDAG, *, raises: bool) -> None:
    """Log each contradiction as a warning, or raise DAGError (``raises``) for all of them."""
    if not raises:
        for mismatch in _mismatches(indexed):
            _warn(dag_name, mismatch)
        return
    result = list(_mismatches(indexed))
    if result:
        shown = [mismatch.sentence(dag_name) for mismatch in result[:_MOST_SHOWN]]
        more = len(result) - len(shown)
        raise DAGError(" ".join(shown) + (f" There are {more} more like this." if more else ""))


def _mismatches(indexed: IndexedDAG) -> Iterator[Mismatch]:
    """Yield the contradictions, each pair of functions once for each parameter.

    A DAG has many edges and few functions. So the pairs of functions come first, with all the
    parameters that get results: 0.3 µs for an edge, where looking at each takes 0.5 to 1 µs.
    """
    numbers: dict[Task, int] = {}
    kinds = [numbers.setdefault(task.base, len(numbers)) for task in indexed.tasks]
    types = [_types(base) for base in numbers]
    rows, sources = indexed.graph.up_rows
    owners = chain.from_iterable(map(repeat, kinds, map(sub, rows[1:], rows)))
    pairs = set(zip(map(kinds.__getitem__, sources), owners, strict=True))
    most = [0] * len(types)
    for kind, count in zip(kinds, indexed.argument_counts, strict=True):
        if count > most[kind]:
            most[kind] = count
    suspect = {
        (up, down) for up, down in pairs if _may_contradict(types[up], types[down], most[down])
    }
    return _exact(indexed, kinds, types, suspect) if suspect else iter(())


def _may_contradict(upstream: PlainTypes, task: PlainTypes, count: int) -> bool:
    """Return whether the result contradicts any of the first ``count`` parameters."""
    result, last = upstream.result, len(task.parameters)  # later results go to *args
    return result is not None and any(
        taken is not None and contradict(result, taken)
        for taken in map(task.parameter, range(min(count, last + 1)))
    )


def _exact(
    indexed: IndexedDAG, kinds: list[int], types: list[PlainTypes], suspect: set[tuple[int, int]]
) -> Iterator[Mismatch]:
    """Yield those of the suspect pairs whose result goes to a parameter that it contradicts."""
    tasks, graph = indexed.tasks, indexed.graph
    seen: set[tuple[int, int, int]] = set()
    for index in range(indexed.own):
        taken = types[kinds[index]]
        for at, source in enumerate(graph.inputs(index)):
            pair = kinds[source], kinds[index]
            key = *pair, min(at, len(taken.parameters))  # later results go to *args
            if pair not in suspect or key in seen:
                continue
            seen.add(key)
            result, parameter = types[kinds[source]].result, taken.parameter(at)
            if result is not None and parameter is not None and contradict(result, parameter):
                yield Mismatch(tasks[source], tasks[index], at)


def _types(task: Task) -> PlainTypes:
    base = task.base
    types = base._plain_types
    if types is None:
        types = base._plain_types = plain_types(base.func)
    return types


def _warn(dag_name: str, mismatch: Mismatch) -> None:
    warned, key = _types(mismatch.task).warned, (mismatch.upstream.base.ref, mismatch.at)
    if key in warned:
        return
    warned.add(key)
    sentence, task = mismatch.sentence(dag_name), mismatch.task.name
    warn_of_dag(ResultTypeMismatch(dag_name=dag_name, task_name=task, mismatch=sentence))
