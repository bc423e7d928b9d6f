"""The run parameters of a DAG: who takes which, which values fit, and what refusals say."""

from __future__ import annotations

import enum
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest

from flowkit import DAG, Client, task
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import DAGError, ParameterError
from flowkit.parameters.conversion import GivenJSON, GivenText
from flowkit.parameters.parameter import Parameter
from flowkit.testing import run_dag

if TYPE_CHECKING:
    from decimal import Decimal


class Mode(enum.Enum):
    FULL = "full"
    DELTA = "delta"


def load(
    day: date,
    limit: Annotated[int, "How many rows to read.", "more"] = 10,
    mode: Mode = Mode.FULL,
    target: Path = None,  # type: ignore[assignment] # noqa: RUF013 - as older code does
) -> list[object]:
    """Load a day.

    Args:
        day (date): The day to load,
            in UTC.
    """
    return [day, limit, mode, target]


def dag_of(*functions: Callable[..., Any]) -> DAG:
    return DAG("etl", tasks=[task(function) for function in functions])


def only(dag: DAG) -> Parameter:
    (parameter,) = dag.parameters()
    return parameter


# -- the list ----------------------------------------------------------------------------------


def test_parameters_have_types_defaults_and_documentation() -> None:
    day, limit, mode, target = dag_of(load).parameters()
    assert (day.name, day.annotation, day.required, day.doc) == (
        "day",
        date,
        True,
        "The day to load,",
    )
    assert (limit.type_name, limit.defaults, limit.doc) == (
        "int",
        {"load": 10},
        "How many rows to read.",
    )
    assert (mode.type_name, mode.required, mode.doc) == ("Mode", False, "")
    assert target.type_name == "Path | None"
    assert target.tasks == ("load",)


@pytest.mark.parametrize(
    "docstring",
    [
        "Load.\n\n:param day: Which day.",
        "Load.\n\n:param date day: Which day.\n:param x: Other.",
        "Load.\n\nArgs:\n    day: Which day.",
        "Load.\n\nParameters\n----------\nday : date\n    Which day.\nx : int\n    Other.",
        "Load.\n\n``day``: Which day.",
    ],
)
def test_documentation_is_found_in_the_usual_styles(docstring: str) -> None:
    def take(day: date) -> date:
        return day

    take.__doc__ = docstring
    assert only(dag_of(take)).doc == "Which day."


def test_what_edges_and_fixed_arguments_fill_is_no_run_parameter() -> None:
    @task
    def source() -> int:
        return 1

    @task
    def report(rows: int, title: str, size: int = 5) -> str:
        return title * rows * size

    with DAG("etl") as dag:
        source >> report.bind(title="x")
    assert [parameter.name for parameter in dag.parameters()] == ["size"]


def test_parameters_of_decorated_functions_are_those_of_the_wrapped_one() -> None:
    def logged(func: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            return func(*args, **kwargs)

        return call

    @logged
    def take(day: date) -> date:
        return day

    assert only(dag_of(take)).annotation is date


# -- values from Python --------------------------------------------------------------------------


def test_a_python_value_that_does_not_fit_is_refused_before_anything_runs() -> None:
    dag = dag_of(load)
    with pytest.raises(ParameterError) as caught:
        dag.run(params={"day": "2026-11-28"})
    assert str(caught.value) == (
        "DAG 'etl': parameter 'day' of task 'load' must be date, not '2026-11-28'. "
        "For example: params={'day': datetime.date(2026, 11, 28)}."
    )
    assert (caught.value.parameter, caught.value.task_name) == ("day", "load")


def test_submit_and_tests_refuse_it_with_the_same_words() -> None:
    dag = dag_of(load)
    texts = []
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        for call in (dag.run, lambda params: client.submit(dag, params=params)):
            with pytest.raises(ParameterError) as caught:
                call(params={"day": date(2026, 1, 1), "limit": "5"})
            texts.append(str(caught.value))
        with pytest.raises(ParameterError) as caught:
            client.submit_many(dag, [{"day": date(2026, 1, 1)}, {"day": 5}])
        assert client.runs() == []
    with pytest.raises(ParameterError) as in_test:
        run_dag(dag, params={"day": date(2026, 1, 1), "limit": "5"})
    assert {*texts, str(in_test.value)} == {
        "DAG 'etl': parameter 'limit' of task 'load' must be int, not '5'. "
        "For example: params={'limit': 5}."
    }
    assert "must be date, not 5" in str(caught.value)


def test_a_python_value_is_never_converted() -> None:
    now = datetime(2026, 11, 28, 12)
    given = {"day": now, "limit": True, "mode": Mode.DELTA, "target": None}
    result = dag_of(load).run(params=given)["load"]
    assert [type(item) for item in result] == [datetime, bool, Mode, type(None)]


def test_without_annotation_every_python_value_is_accepted() -> None:
    def keep(value=True):  # type: ignore[no-untyped-def]
        return value

    assert dag_of(keep).run(params={"value": "no"}) == {"keep": "no"}


def test_an_annotation_that_cannot_be_evaluated_accepts_every_python_value() -> None:
    def pay(amount: Decimal) -> object:
        return amount

    dag = dag_of(pay)
    assert dag.run(params={"amount": "9.90"}) == {"pay": "9.90"}
    with pytest.raises(ParameterError) as caught:
        dag.convert_params({"amount": GivenText("9.90")})
    assert str(caught.value) == (
        "DAG 'etl': the annotation of parameter 'amount' of task 'pay' cannot be evaluated, so "
        "nothing can be converted to it: 'Decimal': NameError: name 'Decimal' is not defined. "
        "Define or import what it names at the top level of the module, not under "
        "`if TYPE_CHECKING:`."
    )


@pytest.mark.parametrize(
    "annotation",
    ["Nowhere", "list[", "1/0", "__import__('no_such_module')", "[" * 5000, "date.nothing", 5, "5"],
)
def test_a_hostile_annotation_is_a_sentence_and_the_others_are_known(annotation: object) -> None:
    def take(odd, day: date) -> None: ...  # type: ignore[no-untyped-def]

    take.__annotations__["odd"] = annotation
    odd, day = dag_of(take).parameters()
    assert (odd.type_name, day.annotation) == ("", date)
    with pytest.raises(ParameterError, match="cannot be evaluated") as caught:
        odd.convert(GivenText("5"), "DAG 'x'")
    assert len(str(caught.value)) < 1000


# -- tasks that take the same --------------------------------------------------------------------


def test_tasks_that_annotate_a_parameter_differently_are_an_error_of_the_dag() -> None:
    def load_day(day: date = date(2026, 1, 1)) -> None: ...
    def report(day: str = "") -> None: ...

    dag = dag_of(load_day, report)
    for call in (dag.compile, dag.run, dag.check_params, dag.parameters):
        with pytest.raises(DAGError) as caught:
            call()
        assert str(caught.value) == (
            "DAG 'etl': tasks 'load_day' and 'report' annotate the run parameter 'day' "
            "differently: date and str. A run gives both the same value, so use one annotation, "
            "rename one of the parameters, or fix one with .bind(day=…)."
        )


def test_edges_and_fixed_arguments_settle_the_difference() -> None:
    @task
    def load_day(day: date = date(2026, 1, 1)) -> str:
        return str(day)

    @task
    def report(day: str = "") -> str:
        return day

    with DAG("drawn") as dag:
        load_day >> report
    assert dag.run() == {"load_day": "2026-01-01", "report": "2026-01-01"}
    with DAG("bound") as dag:
        dag.add(load_day)
        dag.add(report.bind(day="x"))
    assert dag.run()["report_2"] == "x"


def test_a_value_must_fit_all_tasks_and_unannotated_ones_take_what_the_others_take() -> None:
    def first(limit: int | None = None) -> object:
        return limit

    def second(limit: float | None = 1.5) -> object:
        return limit

    def third(limit="x") -> object:  # type: ignore[no-untyped-def]
        return limit

    dag = dag_of(first, second, third)
    assert only(dag).type_name == "int | None"
    assert only(dag).defaults == {"first": None, "second": 1.5, "third": "x"}
    assert dag.run(params={"limit": 5}) == {"first": 5, "second": 5, "third": 5}
    with pytest.raises(ParameterError, match=r"of tasks 'first', 'second', 'third' must be int"):
        dag.run(params={"limit": 0.5})


# -- values from outside -------------------------------------------------------------------------


def test_values_from_outside_become_what_the_tasks_annotate() -> None:
    dag = dag_of(load)
    texts = {"day": "2026-11-28", "limit": "3", "mode": "delta", "target": "out.csv"}
    given = dag.convert_params({name: GivenText(text) for name, text in texts.items()})
    assert dag.run(params=given)["load"] == [date(2026, 11, 28), 3, Mode.DELTA, Path("out.csv")]
    document = {"day": "2026-11-28", "limit": 3, "mode": "delta", "target": None}
    given = dag.convert_params({name: GivenJSON(value) for name, value in document.items()})
    assert dag.run(params=given)["load"] == [date(2026, 11, 28), 3, Mode.DELTA, None]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"limit": GivenText("1.5")},
            "parameter 'limit' of task 'load' must be int, not '1.5'. For example: -p limit=5",
        ),
        (
            {"limit": GivenJSON("5")},
            "parameter 'limit' of task 'load' must be int, not '5'. For example: {\"limit\": 5}",
        ),
        (
            {"mode": GivenText("all")},
            "parameter 'mode' of task 'load' must be Mode, not 'all': its values are full, delta. "
            "For example: -p mode=full",
        ),
        ({"dya": GivenText("x")}, "unknown parameter 'dya'. Did you mean 'day'?"),
    ],
)
def test_a_value_from_outside_that_does_not_fit_is_refused(
    given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        dag_of(load).convert_params(given)
    assert str(caught.value).startswith(f"DAG 'etl': {sentence}")


def test_a_parameter_without_annotation_has_the_type_of_its_default() -> None:
    def wipe(dry_run=True, version="1.0", day=date(2026, 1, 1), size=5, rest=None):  # type: ignore[no-untyped-def]
        return [dry_run, version, day, size, rest]

    dag = dag_of(wipe)
    texts = {"dry_run": "False", "version": "1.10", "day": "2026-11-28", "size": "0.5", "rest": "5"}
    given = dag.convert_params({name: GivenText(text) for name, text in texts.items()})
    assert dag.run(params=given)["wipe"] == [False, "1.10", date(2026, 11, 28), 0.5, 5]
    with pytest.raises(ParameterError) as caught:
        dag.convert_params({"dry_run": GivenText("no")})
    assert str(caught.value) == (
        "DAG 'etl': parameter 'dry_run' of task 'wipe' must be bool (the type of its default "
        "True), not 'no'. For example: -p dry_run=true"
    )


def test_json_for_a_parameter_without_annotation_stays_unless_it_is_text_for_another_type() -> None:
    def wipe(dry_run=True, day=date(2026, 1, 1), size=5):  # type: ignore[no-untyped-def]
        return [dry_run, day, size]

    dag = dag_of(wipe)
    document = {"dry_run": False, "day": "2026-11-28", "size": None}
    given = dag.convert_params({name: GivenJSON(value) for name, value in document.items()})
    assert given == {"dry_run": False, "day": date(2026, 11, 28), "size": None}
    with pytest.raises(ParameterError, match=r"must be bool \(.* default True\), not 'F"):
        dag.convert_params({"dry_run": GivenJSON("False")})


def test_text_of_two_meanings_is_refused_without_annotation_and_default() -> None:
    def tag(version) -> str:  # type: ignore[no-untyped-def]
        return str(version)

    with pytest.raises(ParameterError) as caught:
        dag_of(tag).convert_params({"version": GivenText("1.10")})
    assert str(caught.value) == (
        "DAG 'etl': parameter 'version' of task 'tag' has no annotation, so it is unclear what "
        "'1.10' means: it may be the text \"1.10\" or the value 1.1. Annotate it, or write JSON: "
        "-p version=5, -p version=true, -p 'version=\"text\"'."
    )


def test_a_parameter_that_is_filled_is_no_run_parameter() -> None:
    @task
    def first() -> int:
        return 1

    @task
    def second(rows: int, day: date, size: int = 1) -> None: ...

    with DAG("filled") as dag:
        first >> second.bind("sized", size=3)
    for name, source in (("rows", "an upstream task"), ("size", "a fixed argument")):
        with pytest.raises(ParameterError) as caught:
            dag.check_params({name: 1})
        assert str(caught.value) == (
            f"DAG 'filled': {name!r} is no run parameter: {source} fills this parameter of task "
            "'sized'. Available: 'day'."
        )


def test_a_lacking_parameter_is_shown_as_python_and_the_command_line_give_it() -> None:
    def take(day: date, rest) -> None: ...  # type: ignore[no-untyped-def]

    with pytest.raises(ParameterError) as caught:
        dag_of(take).check_params({})
    wanted = "Pass params={'day': …} (on the command line: -p day=2026-11-28), fix it with .bind("
    assert wanted in str(caught.value)
    with pytest.raises(ParameterError, match=r"\(on the command line: -p rest=text\)"):
        dag_of(take).check_params({"day": date(2026, 1, 1)})


def test_a_refused_value_is_shortened_and_harmless_on_a_terminal() -> None:
    def take(day: date, rows: list[int] = []) -> None: ...  # noqa: B006

    dag = dag_of(take)
    for call in (
        lambda: dag.convert_params({"day": GivenText("\x1b[2J" + "x" * 100_000)}),
        lambda: dag.convert_params({"rows": GivenJSON(["x"] * 100_000)}),
        lambda: dag.check_params({"day": "\x1b[2J" * 10_000}),
        lambda: dag.check_params({"day": Unreadable()}),
    ):
        with pytest.raises(ParameterError) as caught:
            call()
        assert len(str(caught.value)) < 600
        assert "\x1b" not in str(caught.value)


class Unreadable:
    def __repr__(self) -> str:
        raise RuntimeError


@dataclass
class Sized:
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise KeyError("size")


def test_what_the_code_of_a_users_class_raises_is_a_refusal() -> None:
    def take(it: Sized, way: Literal["a"] = "a") -> None: ...

    with pytest.raises(ParameterError, match=r"must be Sized, not '.*': KeyError: 'size'"):
        dag_of(take).convert_params({"it": GivenText('{"size": -1}')})


def test_nothing_that_reads_parameters_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, flowkit\n"
        "def f(x: int = 1): return x\n"
        "dag = flowkit.DAG('x', tasks=[flowkit.task(f)])\n"
        "dag.check_params()\n"
        "assert not [name for name in sys.modules if name.startswith('flowkit.parameters')]\n"
        "dag.check_params({'x': 5})\n"
        "assert 'flowkit.parameters.fitting' in sys.modules\n"
        "assert 'msgspec' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
