"""Which ``pyproject.toml`` counts: the user's own, within the repository or the home folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from strangers import folder_in_reach, give_away, needs_root

from flowkit.client.client import Client
from flowkit.daemon.options import redis_options, settings_from
from flowkit.exceptions import RedisUnavailable, SettingsError
from flowkit.settings import load_settings

TABLE = '[tool.flowkit]\nredis-url = "redis://{}:1"\n'


@pytest.fixture(autouse=True)
def no_warnings_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowkit.events.warn_once._warned", set())


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder as ``/tmp`` is: all accounts can write it."""
    with folder_in_reach(0o1777) as folder:
        yield folder


def project(folder: Path, host: str = "127.0.0.1") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pyproject.toml"
    path.write_text(TABLE.format(host))
    return path


def redis_in(folder: Path) -> str | None:
    return load_settings(cwd=folder, environ={}).redis_url


# -- whose file it is -----------------------------------------------------------------------------


@needs_root
def test_a_file_of_another_account_above_is_ignored_with_a_warning(
    shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen: it lay in a shared folder, and sent a submit's parameters to its owner's Redis."""
    planted = give_away(project(shared, "stranger"))
    work = shared / "work"
    work.mkdir()
    assert redis_in(work) is None
    assert redis_in(work) is None
    (warning,) = caplog.messages
    assert warning.startswith(f"{planted} is ignored, since another account could have written it")
    assert "set FLOWKIT_REDIS_URL" in warning


@needs_root
def test_a_file_in_a_folder_of_another_account_is_ignored_with_a_warning(shared: Path) -> None:
    """Root put it there once; the owner of the folder can exchange it at any time."""
    shared.chmod(0o755)  # nothing but the owner is wrong
    project(shared / "theirs")
    give_away(shared / "theirs")
    assert redis_in(shared / "theirs") is None


@needs_root
@pytest.mark.parametrize("owner", ["link", "target"])
def test_a_link_is_ignored_unless_we_own_both_ends(
    shared: Path, tmp_path: Path, owner: str
) -> None:
    target = project(shared / "target")
    (tmp_path / "pyproject.toml").symlink_to(target)
    assert redis_in(tmp_path) == "redis://127.0.0.1:1"
    give_away(tmp_path / "pyproject.toml" if owner == "link" else target)
    assert redis_in(tmp_path) is None


@pytest.mark.parametrize("what", ["pyproject.toml", "."])
def test_a_file_writable_by_every_account_is_ignored_with_a_warning(
    tmp_path: Path, what: str
) -> None:
    project(tmp_path)
    (tmp_path / what).chmod(0o777)
    assert redis_in(tmp_path) is None


@needs_root
def test_no_file_further_up_replaces_an_ignored_one(shared: Path) -> None:
    project(shared / "mine")
    give_away(project(shared / "mine" / "inner", "stranger"))
    assert redis_in(shared / "mine" / "inner") is None


def test_a_group_writable_file_is_accepted(tmp_path: Path) -> None:
    project(tmp_path).chmod(0o664)
    assert redis_in(tmp_path) == "redis://127.0.0.1:1"


@needs_root
def test_the_warning_cannot_steer_a_terminal(
    shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    give_away(project(shared / "a\x1b]0;owned\x07\nb", "stranger"))
    redis_in(shared / "a\x1b]0;owned\x07\nb")
    assert "\x1b" not in caplog.text
    assert "\\x1b" in caplog.text


def test_a_pipe_in_place_of_the_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pyproject.toml")
    assert redis_in(tmp_path) is None


def test_a_file_that_is_too_large_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(SettingsError, match="is larger than 1,048,576 bytes"):
        redis_in(tmp_path)


# -- where the search ends ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_the_root_of_the_repository_is_the_last_folder_that_is_searched(
    tmp_path: Path, kind: str
) -> None:
    project(tmp_path, "above")
    deep = tmp_path / "repository" / "a" / "b"
    deep.mkdir(parents=True)
    mark = tmp_path / "repository" / ".git"
    mark.mkdir() if kind == "folder" else mark.write_text("gitdir: elsewhere")
    assert redis_in(deep) is None
    project(tmp_path / "repository", "inside")
    assert redis_in(deep) == "redis://inside:1"


def test_the_home_folder_is_the_last_one_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path, "above")
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    assert redis_in(home / "work") == "redis://above:1"
    monkeypatch.setenv("HOME", str(home))
    assert redis_in(home / "work") is None
    project(home, "home")
    assert redis_in(home / "work") == "redis://home:1"


# -- it is told which file it was -----------------------------------------------------------------


def test_errors_about_redis_name_the_file_that_named_it(tmp_path: Path) -> None:
    path = project(tmp_path)
    with pytest.raises(RedisUnavailable) as caught:
        Client(load_settings(cwd=tmp_path, environ={}), patience=0.0)
    assert f"redis://127.0.0.1:1 (from {path})" in str(caught.value)


@click.command()
@redis_options
def show(**options: object) -> None:
    click.echo(settings_from(options).redis_url)


def test_a_command_says_so_if_the_file_lies_in_a_folder_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLOWKIT_REDIS_URL", raising=False)
    path = project(tmp_path)
    path.write_text('[tool.flowkit]\nredis-url = "redis://:s3cr3t@host"\n')
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    result = CliRunner().invoke(show)
    assert result.stderr == f"Using Redis at redis://:***@host, from {path}.\n"
    assert CliRunner().invoke(show, ["--redis", "redis://other"]).stderr == ""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(show).stderr == ""
