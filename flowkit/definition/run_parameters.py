"""The run parameters of a DAG: which tasks take them, and whether given values can start a run.

A task takes a run parameter if its function declares it and no edge and no fixed argument fills it.
Tasks bound from one function in the same way take the same, so each kind of task is looked at once,
and annotations are only read for parameters that are given or that several functions take. What
reads and checks them is imported then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..basics.suggestions import suggestion, unknown_name
from ..exceptions import ParameterError
from .call_plan import missing_parameters, plan_for
from .indexing import IndexedDAG
from .task import Task

if TYPE_CHECKING:
    from ..parameters.conversion import GivenJSON, GivenText
    from ..parameters.parameter import Parameter
    from ..parameters.signatures import Declared


class _Kind(NamedTuple):
    """Tasks with one function, number of results and names of fixed arguments; one stands for all.

    ``comes_after``: whether it has upstream tasks, with or without data.
    """

    task: Task
    results: int
    comes_after: bool

    @property
    def needed(self) -> Sequence[str]:
        """The parameters without a default, none for a task that never runs."""
        plan = plan_for(self.task)
        never_runs = plan.when is not None and not self.results and not self.comes_after
        return () if never_runs else plan.required


class RunParameters:
    """The run parameters that an indexed DAG takes."""

    def __init__(self, dag_name: str, indexed: IndexedDAG) -> None:
        """Find out who takes which. Raises ParameterError for contradicting annotations."""
        self.owner = f"DAG {dag_name!r}"
        self._takers: dict[str, list[_Kind]] = {}
        self._made: dict[str, Parameter] = {}
        self._kinds = list(_kinds(indexed))
        for kind in self._kinds:
            for name in plan_for(kind.task).open_names(kind.results):
                if name not in kind.task.kwargs:
                    self._takers.setdefault(name, []).append(kind)
        for name, takers in self._takers.items():
            if len({kind.task.base for kind in takers}) > 1:
                self._annotation(name)

    @property
    def names(self) -> list[str]:
        """The names of the parameters, in the order of the tasks."""
        return list(self._takers)

    def __iter__(self) -> Iterator[Parameter]:
        return map(self.parameter, self._takers)

    def parameter(self, name: str) -> Parameter:
        """Return one parameter. Raises ParameterError for an unknown name."""
        if name not in self._takers:
            raise self._unknown(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Parameter:
        from ..parameters.annotations import NOTHING
        from ..parameters.parameter import Parameter

        takers = self._takers[name]
        declarations = {kind.task.name: _declared_by(kind.task)[name] for kind in takers}
        defaults = {
            task: item.default for task, item in declarations.items() if item.default is not NOTHING
        }
        return Parameter(
            name=name,
            annotation=self._annotation(name),
            required=any(name in kind.needed for kind in takers),
            defaults=defaults,
            tasks=tuple(declarations),
            doc=next(
                (declaration.doc for declaration in declarations.values() if declaration.doc), ""
            ),
            problem=next(
                (
                    declaration.problem
                    for declaration in declarations.values()
                    if declaration.problem
                ),
                "",
            ),
        )

    def check(self, params: Mapping[str, object]) -> None:
        """Raise ParameterError unless a run can start with exactly these parameters."""
        lacking = self._first_lacking(params)
        for name in params:
            if name not in self._takers:
                raise self._unknown(name)
        if lacking is not None:
            raise self._lacks(*lacking)
        for name, value in params.items():
            self.parameter(name).check(value, self.owner)

    def convert(self, given: Mapping[str, GivenText | GivenJSON]) -> dict[str, object]:
        """Return the values that were meant by values from outside. Raises ParameterError."""
        return {name: self.parameter(name).convert(it, self.owner) for name, it in given.items()}

    # -- annotations ------------------------------------------------------------------------

    def _annotation(self, name: str) -> Any:
        """Return the annotation that all tasks agree on, Any if none has one."""
        from ..parameters.agreement import common
        from ..parameters.annotations import NOTHING

        agreed: Any = Any
        first: Task | None = None
        for task in dict.fromkeys(kind.task.base for kind in self._takers[name]):
            annotation = _declared_by(task)[name].accepted
            if annotation is Any:
                continue
            together = common(agreed, annotation)
            if together is NOTHING:
                raise self._contradiction(name, first, task)
            agreed, first = together, first or task
        return agreed

    def _contradiction(self, name: str, first: Task | None, second: Task) -> ParameterError:
        from ..parameters.annotations import name_of

        tasks = [task for task in (first, second) if task is not None]
        kinds = " and ".join(name_of(_declared_by(task)[name].annotation) for task in tasks)
        names = " and ".join(repr(task.name) for task in tasks)
        return ParameterError(
            f"{self.owner}: tasks {names} annotate the run parameter {name!r} differently: "
            f"{kinds}. A run gives both the same value, so use one annotation, rename one of the "
            f"parameters, or fix one with .bind({name}=…).",
            name,
            second.name,
        )

    # -- names ------------------------------------------------------------------------------

    def _first_lacking(self, params: Mapping[str, object]) -> tuple[Task, str] | None:
        for task, count, _ in (kind for kind in self._kinds if kind.needed):
            missing = missing_parameters(plan_for(task), count, params, task.kwargs)
            if missing:
                return task, missing[0]
        return None

    def _unknown(self, name: object) -> ParameterError:
        taker = next((kind for kind in self._kinds if name in _filled(kind)), None)
        if taker is not None:
            source = "a fixed argument" if name in taker.task.kwargs else "an upstream task"
            return ParameterError(
                f"{self.owner}: {name!r} is no run parameter: {source} fills this parameter of "
                f"task {taker.task.name!r}. {suggestion(None, self.names)}",
                str(name),
                taker.task.name,
            )
        sentence = unknown_name("parameter", str(name), self.names)
        return ParameterError(
            f"{self.owner}: {sentence} A task takes a run parameter by declaring it.", str(name)
        )

    def _lacks(self, task: Task, parameter: str) -> ParameterError:
        by_name = parameter in plan_for(task).keyword
        ways = (
            f"Pass params={{{parameter!r}: …}} (on the command line: "
            f"{self.parameter(parameter).example()}), fix it with .bind({parameter}=…), draw an "
            "edge to it, or give it a default."
            if by_name
            else "It is positional-only, so draw an edge to it, or give it a default."
        )
        return ParameterError(
            f"Task {task.name!r} of {self.owner} lacks its parameter {parameter!r}: no upstream "
            f"task, fixed argument or run parameter fills it. {ways}",
            parameter,
            task.name,
        )


def check_params(
    dag_name: str, indexed: IndexedDAG, runs: Iterable[Mapping[str, object]]
) -> RunParameters:
    """Raise ParameterError unless a run can start with each of these parameters."""
    parameters = RunParameters(dag_name, indexed)
    for params in runs:
        parameters.check(params)
    return parameters


def _kinds(indexed: IndexedDAG) -> Iterator[_Kind]:
    """Yield each kind of task once."""
    seen: set[tuple[Task, int, bool, Sequence[str]]] = set()
    has_upstream = indexed.graph.has_upstream
    for at, (task, count) in enumerate(zip(indexed.tasks, indexed.argument_counts, strict=True)):
        comes_after = count > 0 or has_upstream(at)
        kind = task.base, count, comes_after, tuple(task.kwargs)
        if kind not in seen:
            seen.add(kind)
            yield _Kind(task, count, comes_after)


def _filled(kind: _Kind) -> Sequence[str]:
    """Return the parameters that upstream results and fixed arguments fill."""
    return [*plan_for(kind.task).positional[: kind.results], *kind.task.kwargs]


def _declared_by(task: Task) -> Mapping[str, Declared]:
    """Return what a task's function declares, with an entry for each parameter of its plan.

    It is read once (40 µs), unless an annotation cannot be evaluated yet.
    """
    plan = plan_for(task)
    if plan.declared:
        return plan.declared
    from ..parameters.annotations import NOTHING
    from ..parameters.signatures import Declared, declared

    result = declared(task.func)
    for name in plan.keyword:
        result.setdefault(name, Declared(name, NOTHING, NOTHING, "", ""))
    if not any(item.problem for item in result.values()):
        plan.declared.update(result)
    return result
