"""Refuse results that would be passed in another order than the parameters say.

``[price, stock] >> report`` with ``def report(stock, price)`` passes the price as ``stock``. It is
an error if a parameter gets the result of one upstream task and has the name of another one. The
rules, which keep it from refusing what is right:

1.  The name of an upstream task is its name in the DAG: of a function, of ``@task(name=…)`` or of
    ``bind("…")``. A task bound without a name is called ``price_2`` there, which no rule compares
    with ``price``.
2.  Only positional parameters that get a result count. Fixed arguments, run parameters, parameters
    left to their defaults, keyword-only ones, ``*args`` and parameters with other names do not.
3.  A decorator with ``functools.wraps`` shows the parameters of the function that it wraps, and may
    pass the first of them itself. So for a decorated function, it is an error only if the
    parameters that get results are exactly the names of the upstream tasks.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..exceptions import DAGError
from .call_plan import plan_for
from .indexing import IndexedDAG
from .task import Task

_MOST_SHOWN = 12


def check_argument_names(dag_name: str, indexed: IndexedDAG) -> None:
    """Raise DAGError if a task would get results in another order than its parameters say."""
    tasks, graph, counts = indexed.tasks, indexed.graph, indexed.argument_counts
    if not counts or max(counts) < 2:
        return
    known = set(graph.names)
    named: dict[Task, bool] = {}
    for index in [index for index, count in enumerate(counts) if count > 1]:
        task = tasks[index]
        base = task.base
        if base not in named:
            named[base] = not known.isdisjoint(plan_for(base).positional)
        if named[base]:
            _check(dag_name, task, [graph.names[source] for source in graph.inputs(index)])


def _check(dag_name: str, task: Task, upstream: Sequence[str]) -> None:
    positional = plan_for(task).positional
    parameters = positional[: len(upstream)]
    place = {name: at for at, name in enumerate(upstream)}
    wrong = [name for at, name in enumerate(parameters) if place.get(name, at) != at]
    is_decorated = hasattr(task.func, "__wrapped__") or hasattr(task.func, "__signature__")
    if not wrong or (is_decorated and set(parameters) != set(upstream)):
        return
    got = upstream[parameters.index(wrong[0])]
    raise DAGError(
        f"Task {task.name!r} of DAG {dag_name!r} would get its arguments in another order than its "
        f"parameters say. Its function takes ({_joined(parameters)}), and the edges pass the "
        f"results of ({_joined(upstream)}), so its parameter {wrong[0]!r} would get the result of "
        f"{got!r}. {_remedy(task, positional, upstream)}"
    )


def _remedy(task: Task, positional: Sequence[str], upstream: Sequence[str]) -> str:
    """Return how to write it: other edges, or other parameters if no order of edges is right."""
    unfilled = [name for name in positional[len(upstream) :] if name in upstream]
    if unfilled:
        leading = [name for name in positional if name in upstream]
        others = [name for name in positional if name not in upstream]
        return (
            "Upstream results fill the parameters from the left. Put those for results first: def "
            f"{task.func.__name__}({_joined([*leading, *others])}), or rename {unfilled[0]!r}."
        )
    rest = iter([name for name in upstream if name not in positional])
    order = [name if name in upstream else next(rest) for name in positional[: len(upstream)]]
    order += rest
    return (
        f"Draw the edges in the order of the parameters: [{_joined(order)}] >> {task.name}. If "
        "the order is right, give the parameters other names."
    )


def _joined(names: Sequence[str]) -> str:
    more = [f"… {len(names) - _MOST_SHOWN} more"] if len(names) > _MOST_SHOWN else []
    return ", ".join([*names[:_MOST_SHOWN], *more])
