"""The state file among other accounts: what they may not read, hold up, plant or swap."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from strangers import folder_in_reach, give_away, needs_root, start_as_stranger

from flowkit.exceptions import StateError
from flowkit.state import StateManager

READ_AND_LOCK = """
import fcntl, sys
for path in sys.argv[1:]:
    try:
        file = open(path)
        fcntl.flock(file, fcntl.LOCK_EX)
        print("got", path, flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder as ``/tmp`` is: all accounts can write it, and rename only what is theirs."""
    with folder_in_reach(0o1777) as folder:
        yield folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(path: Path) -> str:
    with pytest.raises(StateError) as caught:
        StateManager(path, lock_timeout=0).set("key", "secret")
    return str(caught.value)


# -- reading, and holding up ----------------------------------------------------------------------


def test_new_files_are_private(path: Path) -> None:
    before = os.umask(0)
    try:
        StateManager(path).set("key", "secret")
    finally:
        os.umask(before)
    assert mode(path) == mode(path.with_name("state.json.lock")) == 0o600


@needs_root
def test_another_account_can_neither_read_the_state_nor_block_writers(shared: Path) -> None:
    """Seen: whoever could read the lock could hold it, and every writer waited forever."""
    path = shared / "state.json"
    state = StateManager(path, lock_timeout=5)
    state.set("key", "secret")
    stranger = start_as_stranger(READ_AND_LOCK, path, f"{path}.lock")
    try:
        assert stranger.stdout is not None
        answers = [stranger.stdout.readline().strip() for _ in range(2)]
        assert answers == ["PermissionError"] * 2
        state.set("key", "other")
    finally:
        stranger.kill()
        stranger.communicate()


def test_the_lock_of_an_earlier_release_is_narrowed(path: Path) -> None:
    lock = path.with_name("state.json.lock")
    lock.touch()
    lock.chmod(0o644)
    StateManager(path).set("key", 1)
    assert mode(lock) == 0o600


def test_a_mode_that_its_owner_has_widened_is_kept(path: Path) -> None:
    state = StateManager(path)
    state.set("key", 1)
    path.chmod(0o664)
    state.set("key", 2)
    assert mode(path) == 0o664


def test_a_wait_for_the_lock_ends_and_names_the_process_that_holds_it(path: Path) -> None:
    holding = (
        "import sys\nfrom flowkit.state import StateManager\n"
        f"with StateManager({str(path)!r}).batch():\n    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StateError) as caught:
            StateManager(path, lock_timeout=0.05).set("key", 1)
    finally:
        holder.communicate("")
    message = str(caught.value)
    assert message.startswith(f"State file {path} is locked: after 0.05 s its lock state.json.lock")
    if Path("/proc/locks").exists():
        assert f"process {holder.pid} of this machine holds it" in message
    assert "lock_timeout" in message
    StateManager(path, lock_timeout=0.05).set("key", 1)


def test_a_lock_that_another_account_held_already_is_waited_for_so_long_only(path: Path) -> None:
    """It was opened while an earlier release had made it 0644; no mode takes it back."""
    with open(path.with_name("state.json.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is locked: after 0 s" in refusal(path)


@pytest.mark.parametrize("bad", [None, "1", True])
def test_a_lock_timeout_that_is_no_number_is_refused(path: Path, bad: object) -> None:
    with pytest.raises(TypeError, match="lock_timeout must be a number of seconds"):
        StateManager(path, lock_timeout=bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [-1, float("nan")])
def test_a_lock_timeout_below_zero_is_refused(path: Path, bad: float) -> None:
    with pytest.raises(ValueError, match="lock_timeout must be 0 or more seconds"):
        StateManager(path, lock_timeout=bad)


# -- planting -------------------------------------------------------------------------------------


@needs_root
@pytest.mark.parametrize("name", ["state.json", "state.json.lock"])
def test_a_file_that_another_account_has_planted_is_refused(shared: Path, name: str) -> None:
    planted = shared / name
    planted.write_text('{"format": 1, "cache": {"key": {"value": "forged"}}}')
    planted.chmod(0o644)
    give_away(planted)
    message = refusal(shared / "state.json")
    assert f"{planted} belongs to " in message
    assert "another account of this machine could have created or changed it" in message
    assert "secret" not in planted.read_text()


@needs_root
@pytest.mark.parametrize("name", ["state.json", "state.json.lock"])
def test_a_link_that_another_account_has_planted_is_not_followed(
    shared: Path, tmp_path: Path, name: str
) -> None:
    """It led into a file of the victim's, which was taken for a state or its lock."""
    target = tmp_path / "mine.json"
    target.write_text('{"cache": {}}')
    link = shared / name
    link.symlink_to(target)
    give_away(link)
    refusal(shared / "state.json")
    assert target.read_text() == '{"cache": {}}'
    assert link.is_symlink()


def test_even_our_own_link_does_not_move_the_lock(path: Path, tmp_path: Path) -> None:
    path.with_name("state.json.lock").symlink_to(tmp_path / "elsewhere")
    assert "cannot be locked" in refusal(path)
    assert not (tmp_path / "elsewhere").exists()


def test_the_temporary_file_replaces_any_planted_link(path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    path.with_name("state.json.tmp").symlink_to(tmp_path / "mine")
    StateManager(path).set("key", 1)
    assert (tmp_path / "mine").read_text() == "precious"


@needs_root
def test_a_folder_that_another_account_has_planted_is_refused(shared: Path) -> None:
    folder = shared / "app"
    folder.mkdir()
    give_away(folder)
    message = refusal(folder / "state.json")
    assert f"{folder} belongs to " in message
    assert "is in a folder that every account can write" in message
    assert list(folder.iterdir()) == []


@needs_root
def test_a_folder_that_is_swapped_for_a_link_later_is_refused(shared: Path, tmp_path: Path) -> None:
    state = StateManager(shared / "app" / "state.json")
    (shared / "app").symlink_to(tmp_path)
    give_away(shared / "app")
    with pytest.raises(StateError, match="belongs to"):
        state.set("key", "secret")
    assert list(tmp_path.iterdir()) == []


def test_our_own_link_does_not_move_a_manager(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    state = StateManager(tmp_path / "app" / "state.json")
    (tmp_path / "app").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="has become a symbolic link"):
        state.set("key", 1)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_in_which_every_account_can_rename_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    (folder / "inner").mkdir(parents=True)
    folder.chmod(0o777)
    for path in (folder / "state.json", folder / "inner" / "state.json"):
        message = refusal(path)
        assert f"every account can write the folder {folder}. Run: chmod o-w {folder}" in message


def test_a_file_that_every_account_can_write_is_refused(path: Path) -> None:
    StateManager(path).set("key", 1)
    path.chmod(0o666)
    assert f"every account can write {path}. Run: chmod o-w {path}" in refusal(path)


@pytest.mark.parametrize("name", ["state.json", "state.json.lock"])
def test_a_pipe_in_place_of_the_file_does_not_block(path: Path, name: str) -> None:
    os.mkfifo(path.with_name(name))
    assert "is not a regular file" in refusal(path)


def test_a_sticky_folder_such_as_tmp_is_accepted(shared: Path) -> None:
    path = shared / "app" / "state.json"
    StateManager(path).set("key", 1)
    assert StateManager(path).get("key") == 1


def test_circular_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert "more than 40 symbolic links" in refusal(tmp_path / "one" / "state.json")


def test_relative_links_and_dots_are_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "link").symlink_to("../data/./x/..")
    (tmp_path / "data" / "x").mkdir()
    StateManager(tmp_path / "deep" / "link" / "state.json").set("key", 1)
    assert StateManager(tmp_path / "data" / "state.json").get("key") == 1
