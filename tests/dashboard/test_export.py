"""Exports as files: of a handle, of the command line, of the API."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from recordings import recording_of
from starlette.testclient import TestClient
from whole_run import WholeRun

from flowkit import DAG, AsyncClient, Client, cli, task
from flowkit.basics import private_file
from flowkit.client.exporting import write_export
from flowkit.dashboard.endpoint import ROOT
from flowkit.dashboard.endpoints import recording
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import FlowkitError, RunNotFound
from flowkit.settings import Settings


@task
def greet() -> str:
    return "hello </script>"


@pytest.fixture
def run(fake_server: EmbeddedServer, namespace: str) -> Iterator[WholeRun]:
    with DAG("greetings") as dag:
        dag.add(greet)
    whole = WholeRun(fake_server.url, namespace, dag)
    assert whole.finish() == "succeeded"
    yield whole
    whole.close()


def value_in(path: Path) -> object:
    return recording_of(path.read_text("utf-8"))["results"][0]["value"]


def test_a_handle_writes_a_file_of_its_owner(system: Client, run: WholeRun, tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    assert system.run("r1").export(path) == path
    assert value_in(path) == "hello </script>"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["run.html"]
    written = system.run("r1").export(str(tmp_path / "run.json"), as_json=True)
    assert json.loads(written.read_text("utf-8"))["schema"] == "flowkit/recording/1"


def test_an_async_handle_writes_the_same(
    fake_server: EmbeddedServer, namespace: str, run: WholeRun, tmp_path: Path
) -> None:
    async def export() -> Path:
        settings = Settings(redis_url=fake_server.url, namespace=namespace)
        async with AsyncClient(settings) as client:
            return await (await client.run("r1")).export(tmp_path / "run.html", previews=False)

    assert recording_of(asyncio.run(export()).read_text("utf-8"))["results"] == []


def test_a_file_that_exists_is_replaced_as_a_whole(
    system: Client, run: WholeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, link = tmp_path / "run.html", tmp_path / "link.html"
    path.write_text("old")
    path.chmod(0o644)
    link.symlink_to(path)

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(private_file.os, "fsync", full)
        with pytest.raises(FlowkitError, match="No space left"):
            system.run("r1").export(path)
    assert path.read_text() == "old"
    assert {file.name for file in tmp_path.iterdir()} == {"run.html", "link.html"}
    system.run("r1").export(link)
    assert value_in(path) == "hello </script>"
    assert (link.is_symlink(), path.stat().st_mode & 0o777) == (True, 0o644)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another account")
@pytest.mark.parametrize("make", ["link", "pipe"])
def test_what_another_account_has_planted_is_refused(tmp_path: Path, make: str) -> None:
    """In a folder where all may write: it could lead the data to a file of ours, or to them."""
    path, victim = tmp_path / "run.html", tmp_path / "mine"
    victim.write_text("mine")
    path.symlink_to(victim) if make == "link" else os.mkfifo(path)
    os.lchown(path, 65534, 65534)
    with pytest.raises(FlowkitError, match="of another account"):
        write_export(path, b"data")
    assert victim.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another account")
def test_a_file_of_another_account_does_not_decide_who_may_read(tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    path.write_text("theirs")
    path.chmod(0o666)
    os.chown(path, 65534, 65534)
    write_export(path, b"data")
    assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (0, 0o600)


def test_a_place_that_cannot_be_written_to_is_an_error(
    system: Client, run: WholeRun, tmp_path: Path
) -> None:
    handle = system.run("r1")
    with pytest.raises(FlowkitError, match=r"is a folder: name a file in it, such as run\.html"):
        handle.export(tmp_path)
    with pytest.raises(FlowkitError, match="there is no folder"):
        handle.export(tmp_path / "none" / "run.html")
    with pytest.raises(TypeError, match="path must be a str or a Path, not int"):
        handle.export(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="previews must be True or False, not str"):
        handle.export(tmp_path / "run.html", previews="no")  # type: ignore[arg-type]
    with pytest.raises(RunNotFound):
        system.run("none").export(tmp_path / "run.html")
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    private_file.write_private(Path(f"/dev/fd/{writer}"), b"data")
    os.close(writer)
    with open(reader, "rb") as pipe:
        assert pipe.read() == b"data"


def test_the_command_writes_where_it_is_told(
    fake_server: EmbeddedServer, namespace: str, run: WholeRun, tmp_path: Path
) -> None:
    where = ["--redis", fake_server.url, "--namespace", namespace]

    def export(*words: str) -> bytes:
        done = CliRunner().invoke(cli.main, ["export", "r1", *words, *where])
        assert done.exit_code == 0, done.output
        return done.stdout_bytes

    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert export() == b""
        assert value_in(tmp_path / "r1.html") == "hello </script>"
        assert export("-o", "other.html", "--no-previews") == b""
        assert recording_of((tmp_path / "other.html").read_text("utf-8"))["results"] == []
        assert export("-o", "-").startswith(b"<!doctype html>")
        assert json.loads(export("--json"))["schema"] == "flowkit/recording/1"
        missing = CliRunner().invoke(cli.main, ["export", "r1", "-o", "none/x.html", *where])
        assert missing.exit_code == 1
        assert "there is no folder 'none'" in missing.stderr
    finally:
        os.chdir(before)


def test_the_api_answers_with_the_file(
    browser: TestClient, run: WholeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = browser.get(ROOT + "/runs/r1/recording")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="r1.html"'
    assert recording_of(answer.text)["results"][0]["value"] == "hello </script>"
    without = browser.get(ROOT + "/runs/r1/recording?previews=false")
    assert recording_of(without.text)["results"] == []
    assert browser.get(ROOT + "/runs/none/recording").status_code == 404
    for _ in range(recording.AT_ONCE):
        assert recording._room.acquire(blocking=False)
    try:
        busy = browser.get(ROOT + "/runs/r1/recording")
    finally:
        for _ in range(recording.AT_ONCE):
            recording._room.release()
    assert (busy.status_code, busy.json()["type"]) == (429, "Busy")


def test_a_stranger_gets_no_recording(stranger: TestClient, run: WholeRun) -> None:
    assert stranger.get(ROOT + "/runs/r1/recording").status_code == 401
