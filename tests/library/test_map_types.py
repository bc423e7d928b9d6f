"""The types of elements and of items are compared, where they plainly contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any

import pytest

from flowkit import DAG, Mapped, Task, task
from flowkit.definition.mapped_parameters import takes_mapped
from flowkit.exceptions import DAGError


def returning(annotation: Any) -> Task:
    def source(): ...

    source.__annotations__["return"] = annotation
    return Task(source, name="source")


def taking(annotation: Any, result: Any = int, name: str = "each") -> Task:
    def each(one): ...

    each.__annotations__.update({"one": annotation, "return": result})
    return Task(each, name=name)


def problem_of(*chain: Task) -> str:
    with DAG("d", check_types=True) as dag:
        for upstream, downstream in pairwise(chain):
            upstream >> downstream
    try:
        dag.indexed()
    except DAGError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("result", "parameter"),
    [
        (list[str], str),
        (list[str], object),
        (list, int),
        (tuple[str, ...], str),
        (tuple[int, str], str),
        (range, int),
        (dict[str, int], tuple[str, int]),
        (Annotated[list[str], "x"], str),
        (list[Any], int),
        (list[int] | None, int),
        (Sequence[str], int),
        (Any, int),
    ],
)
def test_an_element_that_may_fit_is_no_problem(result: Any, parameter: Any) -> None:
    assert problem_of(returning(result), taking(parameter).map()) == ""


@pytest.mark.parametrize(
    ("result", "parameter"),
    [
        (list[str], int),
        (tuple[str, ...], int),
        (tuple[str, bytes], int),
        (range, str),
        (dict[str, int], str),
        (Annotated[list[str], "x"], int),
    ],
)
def test_an_element_that_does_not_fit_is_a_problem(result: Any, parameter: Any) -> None:
    problem = problem_of(returning(result), taking(parameter).map())
    assert "'each' of DAG 'd' gets an element of the result of 'source', which returns" in problem
    assert f"as its parameter 'one: {parameter.__name__}'" in problem


@pytest.mark.parametrize("result", [int, str, set[int], None])
def test_a_result_without_elements_is_a_problem(result: Any) -> None:
    problem = problem_of(returning(result), taking(Any).map())
    assert "'each' of DAG 'd' is mapped over the result of 'source'" in problem
    assert "Return a list, tuple, range or dict" in problem


@pytest.mark.parametrize(
    ("parameter", "fits"),
    [
        (list[int], True),
        (list, True),
        (Mapped[int], True),
        (Mapped, True),
        (Sequence[int], True),
        (list[int] | None, True),
        (int, False),
        (str, False),
        (dict[str, int], False),
    ],
)
def test_what_is_behind_takes_a_list_or_a_mapped(parameter: Any, fits: bool) -> None:
    problem = problem_of(returning(list[int]), taking(int).map(), taking(parameter, name="behind"))
    wanted = "gets a list of what the items of 'each' return (int), as its parameter"
    assert (wanted in problem, problem == "") == (not fits, fits)


def test_items_of_items_are_compared_one_by_one() -> None:
    chain = returning(list[int]), taking(int, str).map(), taking(int, name="next").map()
    assert "'next' of DAG 'd' gets the result of 'each', which returns str" in problem_of(*chain)


def test_flattened_elements_are_compared() -> None:
    source, listed = returning(list[int]), taking(int, list[str], name="listed").map()
    assert problem_of(source, listed, taking(str).map(flatten=True)) == ""
    with DAG("d", check_types=True) as dag:
        source >> (again := taking(int, int, name="listed").map())
        again >> taking(int).map(flatten=True)
    with pytest.raises(DAGError, match="is mapped over the result of 'listed', which returns int"):
        dag.indexed()


def test_whole_upstream_results_are_compared_whole() -> None:
    def each(one: int, whole: list[int]) -> None: ...

    def wrong(one: int, whole: int) -> None: ...

    source = returning(list[int])
    other = Task(lambda: [1], name="other")
    with DAG("d", check_types=True) as dag:
        [other, source] >> Task(each).map(over=other)
    dag.indexed()
    with DAG("d", check_types=True) as dag:
        [other, source] >> Task(wrong).map(over=other)
    with pytest.raises(DAGError, match="'wrong' of DAG 'd' gets the result of 'source'"):
        dag.indexed()


def test_a_contradiction_is_a_warning_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    with DAG("d") as dag:
        returning(list[str]) >> taking(int).map()
    dag.indexed()
    dag.indexed()
    assert capsys.readouterr().out.count("gets an element of the result of 'source'") == 1


# -- which parameters are annotated with Mapped ------------------------------------------------


@task
def several(one: Mapped[int], two: list[int], three: Mapped, *, key: Mapped | None = None) -> None:
    """Takes what there is."""


@task
def unresolved(one: Nowhere, two: Mapped[Nowhere], three: Mapped[int] | None) -> None:  # type: ignore[name-defined] # noqa: F821
    """Has annotations that cannot be resolved."""


def decorated(func: Callable[..., Any]) -> Callable[..., Any]:
    from functools import wraps

    @wraps(func)
    def wrapper(*args: Any) -> Any:
        return func(*args)

    return wrapper


@task
@decorated
def wrapped(one: Annotated[Mapped[int], "x"], *more: Mapped) -> None:
    """Is behind a decorator."""


@pytest.mark.parametrize(
    ("taker", "mapped"),
    [
        (several, [True, False, True, False]),
        (unresolved, [False, True, True, False]),
        (wrapped, [True, False]),
    ],
)
def test_mapped_parameters_are_found(taker: Task, mapped: list[bool]) -> None:
    assert [takes_mapped(taker, at) for at in range(len(mapped))] == mapped
