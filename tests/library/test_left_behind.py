"""What a killed embedded server leaves is recognised, and nothing else is deleted."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowkit.embedded import EmbeddedServer
from flowkit.embedded.left_behind import AN_HOUR_S, dead_folders, delete_folder


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has at most 103 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="left-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def left(place: Path, name: str = "flowkit-abcd_123", mode: int = 0o700) -> Path:
    """Make what a killed server leaves: a folder with a socket on which no process listens."""
    folder = place / name
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "redis.sock"))
    folder.chmod(mode)
    return folder


def test_a_dead_socket_and_its_folder_are_deleted(place: Path) -> None:
    folder = left(place)
    assert dead_folders([str(place)]) == [str(folder)]
    assert delete_folder(str(folder)) is True
    assert dead_folders([str(place)]) == []
    assert delete_folder(str(folder)) is True, "another process has deleted it"


def test_a_server_that_lives_keeps_its_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with EmbeddedServer() as server:
        (folder,) = place.iterdir()
        assert str(folder) in server.url
        assert dead_folders([str(place)]) == []
        assert delete_folder(str(folder)) is False
        assert (folder / "redis.sock").exists()


def test_an_empty_folder_may_belong_to_a_server_that_starts(place: Path) -> None:
    folder = place / "flowkit-abcdefgh"
    folder.mkdir(0o700)
    assert dead_folders([str(place)]) == []
    long_ago = folder.stat().st_mtime - AN_HOUR_S - 60
    os.utime(folder, (long_ago, long_ago))
    assert dead_folders([str(place)]) == [str(folder)]
    assert delete_folder(str(folder))


def _with_a_file(place: Path) -> None:
    (left(place) / "mine.txt").write_text("mine")


def _a_file_for_a_socket(place: Path) -> None:
    folder = place / "flowkit-abcdefgh"
    folder.mkdir(0o700)
    (folder / "redis.sock").write_text("mine")


def _a_link(place: Path) -> None:
    (place / "flowkit-abcdefgh").symlink_to(left(place, "elsewhere"))


def _a_link_for_a_socket(place: Path) -> None:
    folder = place / "flowkit-abcdefgh"
    folder.mkdir(0o700)
    (folder / "redis.sock").symlink_to(left(place, "elsewhere") / "redis.sock")


NOT_OURS: list[Callable[[Path], object]] = [
    lambda place: left(place, "flowkit-abcd"),
    lambda place: left(place, "flowkit-abcdefgh-mine"),
    lambda place: left(place, mode=0o755),
    _with_a_file,
    _a_file_for_a_socket,
    _a_link,
    _a_link_for_a_socket,
]


@pytest.mark.parametrize("make", NOT_OURS, ids=range(len(NOT_OURS)))
def test_what_no_server_has_made_stays(place: Path, make: Callable[[Path], object]) -> None:
    make(place)
    before = sorted(place.rglob("*"))
    assert dead_folders([str(place)]) == []
    # Someone else has put it there since it was chosen.
    for folder in place.iterdir():
        if folder.name != "elsewhere" and len(folder.name) == len("flowkit-abcdefgh"):
            assert delete_folder(str(folder)) is False
    assert sorted(place.rglob("*")) == before


def test_a_place_that_is_gone_has_nothing(place: Path) -> None:
    assert dead_folders([str(place / "gone")]) == []
