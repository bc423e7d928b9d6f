"""Loading apps: by file and by name, the right DAG, and a sentence for each thing that is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowkit import Task
from flowkit.app import load_app, split_spec
from flowkit.exceptions import AppError, UnknownDAGError

ONE_DAG = """
from flowkit import DAG, task

@task
def extract():
    return 1

@task
def load(rows):
    return rows

with DAG("etl") as dag:
    extract >> load
"""


@pytest.fixture(autouse=True)
def clean_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str = ONE_DAG) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write


# -- the spec --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "target", "dag"),
    [
        ("package.etl", "package.etl", None),
        ("package.etl:nightly", "package.etl", "nightly"),
        ("etl.py", "etl.py", None),
        ("./a/etl.py:my dag: 2", "./a/etl.py", "my dag: 2"),
        ("/a:b/etl.py", "/a:b/etl.py", None),
        ("/a:b/etl.py:c", "/a:b/etl.py", "c"),
        ("C:\\apps\\etl.py:c", "C:\\apps\\etl.py", "c"),
    ],
)
def test_a_spec_is_a_target_and_perhaps_a_dag(spec, target, dag):
    assert split_spec(spec) == (target, dag)


@pytest.mark.parametrize("spec", ["", " ", ":dag"])
def test_a_spec_without_a_target_is_an_error(spec):
    with pytest.raises(AppError, match=r"does not name an app. Give a file"):
        load_app(spec)


def test_a_spec_that_ends_in_a_colon_is_an_error():
    with pytest.raises(AppError, match="ends in a colon"):
        split_spec("etl.py:")


# -- by file and by name ---------------------------------------------------------------------


def test_a_file_is_loaded_under_its_stem(write):
    app = load_app(str(write("night_etl.py")))
    assert (app.name, list(app.dags)) == ("night_etl", ["dag"])
    assert app.default_dag().run() == {"extract": 1, "load": 1}
    assert [task.ref for task in app.default_dag().tasks] == ["night_etl:extract", "night_etl:load"]


def test_the_same_file_twice_is_the_same_module_however_it_is_spelled(write):
    path = write("twice_etl.py")
    first = load_app(str(path))
    for spec in ("twice_etl.py", "./twice_etl.py:dag", "twice_etl"):
        assert load_app(spec).module is first.module
    assert len([task for task in Task._all_tasks if task.name == "extract"]) == 1


def test_a_file_finds_the_helpers_beside_it(write):
    write("far/away/etl_helper_zz.py", "ROWS = [1, 2]")
    path = write("far/away/etl_zz.py", "import etl_helper_zz\n" + ONE_DAG)
    load_app(str(path))
    assert sys.path[0] == str(path.parent)


def test_a_file_in_a_package_is_loaded_under_its_dotted_name(write):
    write("project/__init__.py", "")
    write("project/flows/__init__.py", "")
    write("project/flows/helper.py", "ROWS = 3")
    path = write("project/flows/etl.py", "from .helper import ROWS\n" + ONE_DAG)
    assert load_app(str(path)).name == "project.flows.etl"
    assert load_app("project.flows.etl").module is sys.modules["project.flows.etl"]
    assert load_app("project/flows/__init__.py").name == "project.flows"


def test_a_dotted_name_is_looked_for_in_the_current_folder(write):
    write("here_etl.py")
    assert load_app("here_etl:etl").dag("etl").name == "etl"


def test_a_name_that_is_not_an_identifier_is_still_loaded(write):
    assert load_app(str(write("my-etl.py"))).name == "my-etl"


def test_workers_find_the_tasks_of_a_loaded_file(write):
    load_app(str(write("fine_etl.py"))).default_dag().check_importable()


# -- which DAG -------------------------------------------------------------------------------


def test_without_a_dag_the_tasks_of_the_module_form_one(write):
    write("shared_tasks.py", "from flowkit import task\n@task\ndef source(): return 2\n")
    path = write(
        "implicit_etl.py",
        """
        from flowkit import task
        from shared_tasks import source
        @task
        def double(x): return 2 * x
        @task
        def part(x, number): return x + number
        source >> double >> part.bind("part_a", number=1)
        """,
    )
    unrelated = Task(lambda: 1, name="unrelated")
    dag = load_app(str(path)).default_dag()
    assert dag.name == "implicit_etl"
    assert dag.run() == {"double": 4, "source": 2, "part_a": 5}
    assert unrelated not in dag.tasks


SEVERAL = ONE_DAG + '\nsecond = DAG("nightly")\nsecond.add(load)\nsame = dag\n'


def test_several_dags_and_no_name_is_an_error_that_lists_them(write):
    app = load_app(str(write("several_etl.py", SEVERAL)))
    shown = r"several DAGs: 'dag' \(named 'etl'\), 'second' \(named 'nightly'\)\. Name one"
    with pytest.raises(UnknownDAGError, match=shown) as caught:
        app.dag()
    assert caught.value.known == ("dag", "second", "etl", "nightly")
    assert app.dag("second") is app.dag("nightly")
    assert app.dag("dag") is app.dag("etl")


def test_an_unknown_dag_is_an_error_with_a_suggestion(write):
    app = load_app(str(write("several_etl.py", SEVERAL)))
    with pytest.raises(UnknownDAGError, match=r"DAG 'nightyl'.*Did you mean 'nightly'") as caught:
        app.dag("nightyl")
    assert caught.value.name == "nightyl"


def test_two_dags_of_one_name_are_told_apart_by_their_variables(write):
    app = load_app(str(write("same_etl.py", ONE_DAG + '\nother = DAG("etl")\n')))
    assert app.dag("other") is not app.dag("dag")
    with pytest.raises(UnknownDAGError, match=r"2 DAGs are named 'etl'.*variable"):
        app.dag("etl")


def test_a_module_with_no_dag_and_no_task_is_an_error_that_says_how_to_make_one(write):
    app = load_app(str(write("bare_module.py", "x = 1")))
    with pytest.raises(UnknownDAGError, match=r"has no DAG and no task. Decorate functions"):
        app.default_dag()


# -- what is wrong ---------------------------------------------------------------------------


def test_a_missing_file_is_an_error():
    with pytest.raises(AppError, match=r"There is no file 'absent.py' \(seen from "):
        load_app("absent.py")


def test_a_folder_and_another_kind_of_file_are_errors(write):
    write("apps/notes.txt", "")
    with pytest.raises(AppError, match="is a folder"):
        load_app("apps/")
    with pytest.raises(AppError, match=r"does not end in \.py"):
        load_app("apps/notes.txt")


def test_missing_modules_and_invalid_names_are_errors(write):
    write("plain_module.py", "")
    with pytest.raises(AppError, match=r"There is no module 'absent_zz' here or on"):
        load_app("absent_zz")
    with pytest.raises(AppError, match=r"There is no module 'plain_module\.etl' here"):
        load_app("plain_module.etl")
    with pytest.raises(AppError, match="its package 'absent_zz' is not found"):
        load_app("absent_zz.etl")
    with pytest.raises(AppError, match="neither a module's name nor a Python file"):
        load_app("not a name")


def test_an_error_of_the_users_code_names_file_line_and_only_user_frames(write):
    write("broken_helper.py", "def compute():\n    return 1 / 0\n")
    path = write("broken_etl.py", "import broken_helper\n\nbroken_helper.compute()\n")
    with pytest.raises(AppError) as caught:
        load_app(str(path))
    text = str(caught.value)
    assert text.startswith(f"{path} cannot be loaded: ZeroDivisionError: division by zero (")
    assert "broken_helper.py, line 2)" in text
    assert 'broken_etl.py", line 3' in text
    assert "importlib" not in text
    assert "loader.py" not in text
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_refusal_by_flowkit_names_the_line_of_the_caller(write):
    text = "from flowkit import task\n\n@task(retires=3)\ndef extract():\n    return 1\n"
    path = write("misspelt_etl.py", text)
    with pytest.raises(AppError, match="Did you mean 'retries'") as caught:
        load_app(str(path))
    messages = str(caught.value)
    assert f"({path}, line 3)" in messages
    assert "options.py" not in messages
    assert messages.count("File ") == 1


def test_a_syntax_error_names_its_line(write):
    path = write("typo_etl.py", "x = 1\ndef broken(:\n    pass\n")
    with pytest.raises(AppError, match=r"SyntaxError: .*typo_etl.py, line 2\)"):
        load_app(str(path))


def test_a_missing_package_is_not_reported_as_a_missing_app(write):
    path = write("needs_etl.py", "import absent_package_zz\n")
    with pytest.raises(AppError, match=r"needs_etl.py, line 1\)") as caught:
        load_app(str(path))
    assert "Is 'absent_package_zz' installed in this environment" in str(caught.value)


def test_a_file_that_ends_the_program_is_an_error_that_says_where_to_put_that(write):
    path = write("exits_etl.py", "raise SystemExit(2)\n")
    with pytest.raises(AppError, match=r"ended the program.*exit 2.*__name__ == '__main__'"):
        load_app(str(path))


@pytest.mark.parametrize("stem", ["json", "redis"])
def test_a_file_that_would_hide_a_needed_module_is_an_error(write, stem):
    with pytest.raises(AppError, match=f"would hide the module '{stem}'.*Rename it.*my_{stem}"):
        load_app(str(write(f"{stem}.py")))
    assert str(write("x.py").parent) not in sys.path


def test_a_file_named_like_a_loaded_module_is_an_error_naming_both(write):
    first, second = write("one/same_name_zz.py"), write("two/same_name_zz.py")
    load_app(str(first))
    with pytest.raises(AppError, match="already loaded, from") as caught:
        load_app(str(second))
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)


def test_a_dot_in_a_files_name_is_an_error(write):
    with pytest.raises(AppError, match=r"'etl\.v2' has a dot in its name"):
        load_app(str(write("etl.v2.py")))


# -- what importing flowkit costs ------------------------------------------------------------


def test_importing_flowkit_imports_nothing_of_the_distributed_part():
    script = (
        "import sys, flowkit;"
        "heavy = {'asyncio', 'redis', 'rich', 'click', 'msgpack', 'fakeredis',"
        "    'typing_extensions'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
    )
    assert ended.stdout.strip() == "[]"


# -- folders that other accounts can write -------------------------------------------------------


@pytest.mark.parametrize("mode", [0o1777, 0o777])
def test_an_app_in_a_folder_such_as_tmp_is_refused(
    write: Callable[[str, str], Path], tmp_path: Path, mode: int
) -> None:
    """Any account could put ``helper.py`` there, and the app would import it."""
    path = write(f"sticky_{mode}.py", ONE_DAG)
    tmp_path.chmod(mode)
    with pytest.raises(
        AppError, match=r"every account can put files into .* Move it into a folder"
    ):
        load_app(str(path))
    assert str(tmp_path) not in sys.path
    tmp_path.chmod(0o700)
    assert load_app(str(path)).name == f"sticky_{mode}"


def test_an_app_in_a_package_below_such_a_folder_is_refused(
    write: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Another account's ``/tmp/__init__.py`` made ``/tmp`` a package, and was run."""
    ran = tmp_path / "ran"
    path = write("shared/mine/sticky_zz.py", ONE_DAG)
    write("shared/mine/__init__.py", "")
    write("shared/__init__.py", f"open({str(ran)!r}, 'w')")
    (tmp_path / "shared").chmod(0o1777)
    with pytest.raises(AppError, match="every account can put files into"):
        load_app(str(path))
    assert not ran.exists()


def test_an_app_whose_folder_another_account_could_rename_is_refused(
    write: Callable[[str, str], Path], tmp_path: Path
) -> None:
    path = write("shared/mine/renamed_zz.py", ONE_DAG)
    (tmp_path / "shared").chmod(0o777)
    with pytest.raises(AppError, match=r"every account can put files into .*shared"):
        load_app(str(path))
    (tmp_path / "shared").chmod(0o1777)
    assert load_app(str(path)).name == "renamed_zz"


def test_a_module_is_not_looked_for_in_a_working_folder_such_as_tmp(
    write: Callable[[str, str], Path], tmp_path: Path
) -> None:
    write("planted_zz.py", ONE_DAG)
    tmp_path.chmod(0o1777)
    with pytest.raises(AppError, match="There is no module 'planted_zz'"):
        load_app("planted_zz")
