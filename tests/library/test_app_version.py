"""The version of an app's code: which files count, and what makes two of them equal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowkit import DAG, task
from flowkit.client import pinning
from flowkit.core.app_version import is_app_version
from flowkit.exceptions import DAGError
from flowkit.settings import Settings

APP = "from flowkit import DAG, task\nimport helper\n\n@task\ndef one() -> int: return helper.N\n"
APP += "with DAG('etl') as dag: dag.add(one)\n"
SHOW = "\nfrom flowkit.definition.app_version import code_of_app\nprint(code_of_app())\n"


def folder(path: Path, app: str = APP, helper: str = "N = 1\n") -> Path:
    path.mkdir(parents=True)
    (path / "etl.py").write_text(app)
    (path / "helper.py").write_text(helper)
    return path


def version(path: Path, program: str = "import etl", name: str = "submit.py") -> str:
    """Return what a program in this folder prints as its version."""
    script = path / name
    script.write_text(program + SHOW)
    words = [sys.executable, script.name]
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, cwd=path, env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_equal_files_have_an_equal_version_wherever_they_are(tmp_path: Path) -> None:
    first = version(folder(tmp_path / "a"))
    assert first == version(folder(tmp_path / "b" / "c"))
    assert is_app_version(first)
    assert len(first) == 12


def test_any_imported_file_of_the_user_counts(tmp_path: Path) -> None:
    apps = [folder(tmp_path / "a"), folder(tmp_path / "b", helper="N = 2\n")]
    apps.append(folder(tmp_path / "c", APP + "# changed\n"))
    assert len({version(app) for app in apps}) == 3


def test_installed_packages_python_and_the_script_itself_do_not_count(tmp_path: Path) -> None:
    path = folder(tmp_path / "a")
    (path / "site-packages").mkdir()
    (path / "site-packages" / "installed.py").write_text("")
    more = "import sys; sys.path.append('site-packages')\nimport json, click, installed, etl"
    assert version(path) == version(path, more, "other.py")


def test_a_program_without_files_of_the_user_has_no_version(tmp_path: Path) -> None:
    tmp_path.joinpath("x").mkdir()
    assert version(tmp_path / "x", "") == ""


@pytest.mark.parametrize("text", ["1", "v1.2-rc+x_y", "A" * 64])
def test_a_version_is_short_and_plain(text: str) -> None:
    assert is_app_version(text)


@pytest.mark.parametrize("text", ["", ".1", "a b", "a,b", "a=b", "a@b", "A" * 65, "a\n", "é"])
def test_other_texts_are_no_version(text: str) -> None:
    assert not is_app_version(text)


def test_a_pin_has_no_effect_in_this_process() -> None:
    @task
    def one() -> int:
        return 1

    assert DAG("pinned", tasks=[one], pin_version=True).run() == {"one": 1}


def test_a_pin_is_a_bool() -> None:
    with pytest.raises(TypeError, match="pin_version must be a bool"):
        DAG("pinned", pin_version="1.2")  # type: ignore[arg-type]


@task
def importable() -> int:
    return 1


def test_a_run_is_pinned_to_the_version_that_is_given_or_that_the_code_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dag, plain = (
        DAG("pinned", tasks=[importable], pin_version=True),
        DAG("plain", tasks=[importable]),
    )
    monkeypatch.setattr(pinning, "code_of_app", lambda: "0123456789ab")
    given = Settings("redis://localhost:6379/0", "flowkit", app_version="1.2")
    assert pinning.compile_for(dag, [None], given).pinned == "1.2"
    assert pinning.compile_for(plain, [None], given).pinned == ""
    unset = Settings("redis://localhost:6379/0", "flowkit")
    assert pinning.compile_for(dag, [None], unset).pinned == "0123456789ab"
    monkeypatch.setattr(pinning, "code_of_app", lambda: "")
    with pytest.raises(DAGError, match=r"has no version.*Set FLOWKIT_APP_VERSION"):
        pinning.compile_for(dag, [None], unset)
