"""Factories: functions of an app that return a DAG, and apps without a DAG."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from flowkit import DAG
from flowkit.app import App, load_app
from flowkit.definition.factories import Factory
from flowkit.exceptions import AppError, ParameterError, UnknownDAGError

TASKS = """
    from __future__ import annotations
    from datetime import date
    from flowkit import DAG, task

    @task
    def extract(day: date) -> str:
        return str(day)

    @task
    def load(text: str, mode: str = "full") -> str:
        return f"{text} {mode}"
"""
BUILD = """
    def build(day: date, copies: int = 1) -> DAG:
        with DAG("built") as dag:
            for number in range(copies):
                extract.bind(f"extract_{number}", day=day) >> load.bind(f"load_{number}")
        return dag
"""
Load = Callable[..., App]


@pytest.fixture
def load(tmp_path: Path, request: pytest.FixtureRequest) -> Load:
    """Load an app of these texts."""

    def loaded(*texts: str) -> App:
        path = tmp_path / f"app_{abs(hash(request.node.name))}.py"
        path.write_text("".join(textwrap.dedent(text) for text in texts))
        return load_app(str(path))

    return loaded


def factory(app: App, name: str = "build") -> Factory:
    result = app.factory(name)
    assert result is not None
    return result


def test_a_factory_gets_its_arguments_and_returns_the_dag(load: Load) -> None:
    app = load(TASKS, BUILD)
    dag = app.build(factory(app), {"day": date(2026, 11, 28), "copies": 2})
    assert isinstance(dag, DAG)
    assert [parameter.name for parameter in dag.parameters()] == ["mode"]
    assert dag.run(params={"mode": "delta"})["load_1"] == "2026-11-28 delta"


def test_parameters_of_a_factory_are_listed(load: Load) -> None:
    day, copies = factory(load(TASKS, BUILD)).parameters()
    assert (day.name, day.annotation, day.required) == ("day", date, True)
    assert (copies.name, copies.required, copies.defaults) == ("copies", False, {"build": 1})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "lacks its parameter 'day'. For example: -p day=2026-11-28"),
        ({"day": "2026-11-28"}, "parameter 'day' must be date, not '2026-11-28'."),
        ({"day": date(2026, 1, 1), "copeis": 1}, "unknown parameter 'copeis'. Did you mean"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    load: Load, values: dict[str, object], said: str
) -> None:
    app = load(TASKS, BUILD)
    with pytest.raises(ParameterError) as caught:
        app.build(factory(app), values)
    assert str(caught.value).startswith(f"Factory 'build' of app {app.name!r}")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("pass", "must return a DAG, and returned nothing. Does it end with `return dag`?"),
        ("return extract", "must return a DAG, and returned a Task."),
        ("return [DAG('x')]", "must return a DAG, and returned a list."),
        ("raise SystemExit(3)", "ended the program (exit 3). It must return a DAG."),
        ("return {}['x']", "failed: KeyError: 'x' ("),
    ],
)
def test_a_factory_without_a_dag_is_an_error(load: Load, body: str, said: str) -> None:
    app = load(TASKS, f"\ndef build():\n    {body}\n")
    with pytest.raises(AppError) as caught:
        app.build(factory(app), {})
    assert str(caught.value).startswith(f"Factory 'build' of app {app.name!r} {said}")
    assert "site-packages" not in str(caught.value)


def test_a_parameter_by_position_only_is_refused(load: Load) -> None:
    app = load(TASKS, "\ndef build(day, /):\n    return DAG('x')\n")
    with pytest.raises(ParameterError, match=r"takes 'day' by position only, .* remove the /"):
        factory(app).parameters()


def test_what_is_no_plain_function_is_no_factory(load: Load) -> None:
    app = load(
        TASKS,
        """
        from os import getpid
        from shutil import move
        class Build:
            pass
        async def later():
            return DAG("x")
        def several():
            yield DAG("x")
        def main() -> None:
            raise AssertionError("called")
        number = 5
        with DAG("dag named build") as build:
            extract >> load
        """,
    )
    for name in (
        "extract",
        "move",
        "main",
        "getpid",
        "Build",
        "later",
        "several",
        "number",
        "build",
        "absent",
        None,
    ):
        assert app.factory(name) is None
    with pytest.raises(UnknownDAGError, match=r"unknown DAG 'getpid'"):
        app.dag("getpid")


def test_a_function_that_the_module_imports_is_a_factory_if_it_seems_to_return_a_dag(
    load: Load, tmp_path: Path
) -> None:
    (tmp_path / "shared_factories.py").write_text(
        "from flowkit import DAG\ndef imported(name: str) -> DAG:\n    return DAG(name, tasks=[])\n"
    )
    app = load(
        "from shared_factories import imported\n\ndef build():\n    return imported('own')\n"
    )
    assert app.build(factory(app, "imported"), {"name": "x"}).name == "x"
    assert app.build(factory(app), {}).name == "own"


def test_a_dag_of_that_name_takes_precedence(load: Load) -> None:
    app = load(TASKS, BUILD, '\ndag = DAG("build", tasks=[extract])\n')
    assert app.factory("build") is None
    assert app.dag("build").name == "build"


# -- apps without a DAG --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build",
    [BUILD, "\ndef build(day: date, copies: int = 1):\n    return DAG('x', tasks=[extract])\n"],
)
def test_an_app_with_a_factory_alone_says_what_it_has(load: Load, build: str) -> None:
    """Its undrawn tasks were run as a DAG of their own."""
    app = load(TASKS, build)
    with pytest.raises(UnknownDAGError) as caught:
        app.default_dag()
    assert str(caught.value) == (
        f"App {app.name!r} has no DAG at the top level of its module, only functions that may "
        "return one: build(day: date, copies: int = …). Its tasks: extract, load. To call a "
        f"function, name it and give its parameters: {app.name}:build -p NAME=VALUE"
    )


def test_tasks_that_are_drawn_in_the_module_are_a_dag_beside_a_factory(load: Load) -> None:
    app = load(TASKS, BUILD, "\nextract >> load\n")
    assert [task.name for task in app.default_dag().tasks] == ["extract", "load"]


def test_an_app_without_tasks_names_its_functions(load: Load) -> None:
    app = load("def extract(): ...\ndef load(): ...\n")
    with pytest.raises(UnknownDAGError, match=r"no task, only functions: extract, load\. Decorate"):
        app.default_dag()


def test_an_unknown_name_lists_dags_and_functions(load: Load) -> None:
    app = load(TASKS, BUILD, '\ndag = DAG("nightly", tasks=[extract])\n')
    with pytest.raises(UnknownDAGError) as caught:
        app.dag("biuld")
    assert "Did you mean 'build'?" in str(caught.value)
    assert "'nightly', 'build'" in str(caught.value)
