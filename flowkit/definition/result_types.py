"""Compare the annotated type of each result with that of the parameter that gets it.

Only a plain contradiction counts, such as ``-> int`` into ``text: str``: see plain_types.py. It is
logged as a warning, once for two functions, when the DAG is compiled or run; with
``DAG(check_types=True)`` it is an error. Everything else is left to type checkers. None, which a
task gets in place of the result of a skipped one, is not considered.

A mapped task gets the elements of a list, or the results of other items, one by one. A task behind
it gets a list, or a ``Mapped``.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from itertools import chain, repeat
from operator import sub
from types import NoneType
from typing import NamedTuple

from ..core.mapped_sequence import Mapped
from ..events.programs import ResultTypeMismatch
from ..exceptions import DAGError
from .dag_warning import warn_of_dag
from .indexing import IndexedDAG
from .plain_types import Classes, PlainTypes, contradict, plain_types
from .task import Task

_MOST_SHOWN = 10


class How(Enum):
    """How much of a result a task gets."""

    WHOLE = "the result"
    ELEMENT = "an element of a list"
    ITEM = "the result of an item"
    ALL = "the results of all items"
    NO_LIST = "an element of what has none"


_LISTS: Classes = frozenset({list, tuple, range, dict})
_ALL_ITEMS: Classes = frozenset({list, Mapped})


class Mismatch(NamedTuple):
    """A result whose annotation contradicts that of the parameter that gets it.

    ``at``: the number of the parameter. ``how``: how much of it the task gets.
    """

    upstream: Task
    task: Task
    at: int
    how: How = How.WHOLE

    def sentence(self, dag_name: str) -> str:
        """Return what is wrong and how to mend it."""
        result, taken = _types(self.upstream), _types(self.task)
        if self.how is not How.WHOLE:
            return self._of_a_map(f"Task {self.task.name!r} of DAG {dag_name!r}", result, taken)
        text = (
            f"Task {self.task.name!r} of DAG {dag_name!r} gets the result of "
            f"{self.upstream.name!r}, which returns {result.texts['return']}, as its parameter "
            f"{taken.text_of(self.at)!r}. No conversion takes place between tasks: correct an "
            "annotation or the edge"
        )
        if result.result == frozenset({NoneType}):
            text += f", or, if only the order matters, {self.task.name}.after({self.upstream.name})"
        return f"{text}."

    def _of_a_map(self, who: str, result: PlainTypes, taken: PlainTypes) -> str:
        upstream, returned = self.upstream.name, result.texts["return"]
        if self.how is How.NO_LIST:
            return (
                f"{who} is mapped over the result of {upstream!r}, which returns {returned}. "
                "Return a list, tuple, range or dict, and annotate it so."
            )
        parameter = f"as its parameter {taken.text_of(self.at)!r}"
        if self.how is How.ALL:
            return (
                f"{who} gets a list of what the items of {upstream!r} return ({returned}), "
                f"{parameter}. Annotate it with list[{returned}] or Mapped[{returned}]."
            )
        return (
            f"{who} gets an element of the result of {upstream!r}, which returns {returned}, "
            f"{parameter}. Correct an annotation or the edge."
        )


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
    exact = _exact(indexed, kinds, types, suspect) if suspect else iter(())
    return chain(exact, _of_maps(indexed)) if indexed.maps else exact


def _of_maps(indexed: IndexedDAG) -> Iterator[Mismatch]:
    """Yield the contradictions at the edges of mapped tasks."""
    seen: set[tuple[Task, Task, int, How]] = set()
    for index in range(indexed.own):
        for at, source in enumerate(indexed.graph.inputs(index)):
            if index in indexed.maps or source in indexed.maps:
                how = _how(indexed, source, index)
                found = _mismatch(indexed.tasks[source], indexed.tasks[index], at, how)
                key = indexed.tasks[source].base, indexed.tasks[index].base, at, how
                if found is not None and key not in seen:
                    seen.add(key)
                    yield found


def _how(indexed: IndexedDAG, source: int, task: int) -> How:
    spec = indexed.maps.get(task)
    if spec is None or source not in spec.over:
        return How.ALL if source in indexed.maps else How.WHOLE
    return How.ITEM if source in indexed.maps and not spec.flatten else How.ELEMENT


def _mismatch(upstream: Task, task: Task, at: int, how: How) -> Mismatch | None:
    types, parameter = _types(upstream), _types(task).parameter(at)
    if types.result is None:
        return None
    if how is How.ELEMENT and contradict(types.result, _LISTS):
        return Mismatch(upstream, task, at, How.NO_LIST)
    given = {How.ELEMENT: types.elements, How.ALL: _ALL_ITEMS}.get(how, types.result)
    if given is None or parameter is None or not contradict(given, parameter):
        return None
    return Mismatch(upstream, task, at, How.WHOLE if how is How.ITEM else how)


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
            if indexed.maps and (index in indexed.maps or source in indexed.maps):
                continue  # see _of_maps
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
