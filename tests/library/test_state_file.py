"""The state file: what is in it, what a crash leaves of it, and who may share it."""

from __future__ import annotations

import base64
import errno
import json
import logging
import math
import os
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flowkit.codec.packing import describe, pack
from flowkit.exceptions import IllegalValue, StateError
from flowkit.state import StateManager


@dataclass(frozen=True)
class Point:
    x: int
    y: int


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


# -- what is in it ------------------------------------------------------------------------------


@pytest.mark.promise("state-10")
def test_it_is_json_with_a_cache_object_by_key(path: Path) -> None:
    state = StateManager(path)
    state.set("cursor", {"page": 3}, ttl=60, metadata={"source": "api"})
    state.set("", None)
    document = json.loads(path.read_text())
    assert set(document["cache"]) == {"cursor", ""}
    assert document["cache"]["cursor"]["value"] == {"page": 3}
    assert document["cache"]["cursor"]["ttl"] == 60
    assert document["cache"]["cursor"]["metadata"] == {"source": "api"}


def test_nothing_is_written_before_something_is_set(path: Path) -> None:
    state = StateManager(path)
    assert state.get("key") is None
    assert state.delete("key") is False
    assert state.invalidate_expired() == []
    assert not path.exists()


def test_the_folder_is_made_by_the_first_write(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state.json"
    StateManager(path).set("key", 1)
    assert StateManager(path).get("key") == 1


VALUES = [
    None, True, 0, -(2**63), 2**64, 1 << 20_000, 0.1, -0.0, math.inf, "", "ä😀", "\ud83d\ude00",
    b"bytes", [], {}, [1, [2, {"a": None}]], (1, 2), {"a": (1, [2])}, {1: "a", None: "b"},
    {1, 2, 3}, frozenset({"a"}), Decimal("1.10"), datetime(2026, 1, 2, tzinfo=UTC),
    Path("a/b"), Point(1, 2), {"points": [Point(3, 4)]},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=describe)
def test_every_value_round_trips(path: Path, value: Any) -> None:
    """Also what JSON cannot hold: it is never lost, nor changed silently."""
    StateManager(path).set("key", value, metadata={"field": value})
    again = StateManager(path)
    assert again.get("key") == value
    assert type(again.get("key")) is type(value)
    assert describe(again.get("key")) == describe(value)
    result = again.get_metadata("key")
    assert result is not None
    assert result["field"] == value


def test_nan_round_trips(path: Path) -> None:
    StateManager(path).set("key", [math.nan])
    assert math.isnan(StateManager(path).get("key")[0])


def test_a_key_may_be_any_text(path: Path) -> None:
    keys = ['"', "\n", "a/b:c", "ä", "\ud800", "x" * 10_000]
    state = StateManager(path)
    for number, key in enumerate(keys):
        state.set(key, number)
    assert StateManager(path).get_all() == {key: number for number, key in enumerate(keys)}


def test_a_class_that_has_changed_since_is_an_error_that_names_the_key(path: Path) -> None:
    StateManager(path).set("point", Point(1, 2))
    document = json.loads(path.read_text())
    code = (
        "from flowkit.state import StateManager\n"
        f"state = StateManager({str(path)!r})\n"
        "try: state.get('point')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "print(state.has('point'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("IllegalValue State 'point': The stored value cannot be read: ")
    assert "is not loaded in this process" in done.stdout
    assert done.stdout.endswith("True\n")
    document["cache"]["point"]["value"] = "no base64 ☹"
    path.write_text(json.dumps(document))
    with pytest.raises(IllegalValue, match="State 'point': the stored value is not base64"):
        StateManager(path).get("point")


def test_a_file_written_by_hand_is_read(path: Path) -> None:
    path.write_text('{"cache": {"a": {"value": [1]}, "b": {"value": null, "ttl": null}}}')
    assert StateManager(path).get_all() == {"a": [1], "b": None}


def test_content_that_set_never_writes_is_an_error_naming_the_key(path: Path) -> None:
    """Whoever may write the file can nest a value, or pack fields that are no dict."""
    fields = base64.b64encode(pack([1])).decode()
    entry = {"value": 1, "timestamp": 0, "ttl": None}
    deep = f'{{"value": {"[" * 102}{"]" * 102}}}'
    listed = json.dumps({**entry, "metadata": fields, "packed": ["metadata"]})
    path.write_text(f'{{"cache": {{"deep": {deep}, "listed": {listed}}}}}')
    state = StateManager(path)
    with pytest.raises(IllegalValue, match="State 'listed': the stored metadata is not a dict"):
        state.get_metadata("listed")
    with pytest.raises(IllegalValue, match="State 'deep' is nested too deeply"):
        state.get("deep")


def test_its_permissions_are_kept(path: Path) -> None:
    state = StateManager(path)
    state.set("key", 1)
    path.chmod(0o600)
    state.set("key", 2)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_to_the_file_stays_a_link(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "link.json"
    StateManager(path).set("key", 1)
    link.symlink_to(path)
    StateManager(link).set("key", 2)
    assert link.is_symlink()
    assert StateManager(path).get("key") == 2


def test_a_change_of_the_working_folder_does_not_move_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    state = StateManager("state.json")
    assert state.storage_path == Path("state.json")
    monkeypatch.chdir(tmp_path / "other")
    state.set("key", 1)
    assert names(tmp_path) == {"state.json", "state.json.lock", "other"}


# -- corrupt files ------------------------------------------------------------------------------

CORRUPT = {
    "empty": b"",
    "half": b'{"format": 1, "cache": {\n"a": {"value": 1, "timest',
    "no JSON": b"hello",
    "no UTF-8": b'{"cache": {"\xff": {"value": 1}}}',
    "a list": b"[]",
    "no cache": b'{"format": 1}',
    "a time of 400 digits": b'{"cache": {"key": {"value": 1, "timestamp": 1' + b"0" * 400 + b"}}}",
    "cache is a list": b'{"cache": []}',
    "entry is not an object": b'{"cache": {"a": 1}}',
    "entry has no value": b'{"cache": {"a": {"ttl": 1}}}',
    "ttl is text": b'{"cache": {"a": {"value": 1, "ttl": "1h"}}}',
    "deep": b"[" * 100_000,
}


@pytest.mark.promise("state-12")
@pytest.mark.parametrize("data", CORRUPT.values(), ids=CORRUPT.keys())
def test_a_corrupt_file_is_kept_aside_with_a_warning_and_the_manager_starts_empty(
    path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(data)
    state = StateManager(path)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "state.json is corrupt; it was renamed to state.json.corrupt-" in warning.getMessage()
    assert state.get_all() == {}
    state.set("key", 1)
    (aside,) = path.parent.glob("state.json.corrupt-*")
    assert aside.read_bytes() == data
    assert StateManager(path).get_all() == {"key": 1}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("app.py", "import os\nprint(1)\n"),
        ("hosts", "a\nb\n"),
        ("package.json", '{"name": "shop"}'),
    ],
)
def test_a_foreign_file_is_not_changed(tmp_path: Path, name: str, text: str) -> None:
    """A slip in the path took somebody's source file out of its place."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(StateError, match=f"{name} is not a state file, and was not changed"):
        StateManager(path)
    assert names(tmp_path) == {name}
    assert path.read_text() == text


def test_a_second_corrupt_file_does_not_replace_the_first(path: Path) -> None:
    for data in (b"one", b"two", b"three"):
        path.write_bytes(data)
        StateManager(path)
    assert {item.read_bytes() for item in path.parent.glob("*.corrupt-*")} == {
        b"one", b"two", b"three",
    }  # fmt: skip


def test_a_file_that_gets_corrupt_later_is_not_overwritten_either(path: Path) -> None:
    state = StateManager(path)
    state.set("key", 1)
    path.write_bytes(b"oops")
    state.set("other", 2)
    assert state.get_all() == {"other": 2}
    (aside,) = path.parent.glob("state.json.corrupt-*")
    assert aside.read_bytes() == b"oops"


def test_a_file_of_a_newer_format_is_left_alone(path: Path) -> None:
    path.write_text('{"format": 2, "cache": {}}')
    with pytest.raises(StateError, match="has format 2, and this flowkit knows formats up to 1"):
        StateManager(path)
    assert names(path.parent) == {"state.json"}


def test_a_file_that_may_not_be_read_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("{}")

    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StateError, match=r"cannot be read: Permission denied. Check its folder"):
        StateManager(path)


def test_a_full_disk_leaves_the_file_and_the_manager_as_they_were(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = StateManager(path)
    state.set("key", "old")
    before = path.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="cannot be written: No space left on device"):
        state.set("key", "new")
    monkeypatch.undo()
    assert (path.read_bytes(), state.get("key")) == (before, "old")
    assert names(path.parent) == {"state.json", "state.json.lock"}
    state.set("key", "new")
    assert StateManager(path).get("key") == "new"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state = StateManager(tmp_path / "file" / "state.json")
    with pytest.raises(StateError, match=r"cannot be locked: .*choose another storage_path"):
        state.set("key", 1)


# -- shared by managers and processes -----------------------------------------------------------


@pytest.mark.promise("state-15")
def test_one_manager_sees_writes_of_another(path: Path) -> None:
    item, two = StateManager(path), StateManager(path)
    item.set("a", 1)
    two.set("b", 2)
    assert item.get_all() == two.get_all() == {"a": 1, "b": 2}
    item.delete("a")
    assert not two.has("a")
    path.unlink()
    assert item.get_all() == two.get_all() == {}


def test_a_batch_is_one_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, other = StateManager(path), StateManager(path)
    renames: list[object] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: (renames.append(paths), replace(*paths)))
    with state.batch():
        for number in range(50):
            state.set(str(number), number)
        assert other.get_all() == {}
    assert len(renames) == 1
    assert len(other.get_all()) == 50


def test_a_file_system_without_locks_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    words = rf"{path} cannot be locked: its file system has no locks.*local disk, or use Redis"
    with pytest.raises(StateError, match=words):
        StateManager(path).set("key", 1)


def test_no_file_stays_open_needlessly(path: Path) -> None:
    fds = Path("/proc/self/fd")
    if not fds.exists():
        pytest.skip("this system does not list open files")
    before = len(list(fds.iterdir()))
    state = StateManager(path)
    for number in range(20):
        state.set("key", number)
        assert StateManager(path).get("key") == number
    assert len(list(fds.iterdir())) <= before + 1
    del state
    assert len(list(fds.iterdir())) <= before


def start(code: str, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


HAMMER = """
import sys
from threading import Thread
from flowkit.state import StateManager

path, process = sys.argv[1:]
state = StateManager(path)

def work(thread):
    for number in range(15):
        state.set(f"{process}-{thread}-{number}", [process, thread, number])
        assert state.get(f"{process}-{thread}-{number}") == [process, thread, number]
        state.delete(f"{process}-{thread}-{number - 1}") if number % 3 == 0 else None

threads = [Thread(target=work, args=(thread,)) for thread in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_processes_and_threads_lose_no_update_and_leave_no_corrupt_file(path: Path) -> None:
    processes = [start(HAMMER, path, number) for number in range(4)]
    try:
        for process in processes:
            assert process.wait(timeout=100) == 0
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    kept = [number for number in range(15) if (number + 1) % 3 or number == 14]
    expected = {f"{p}-{t}-{n}": [str(p), t, n] for p in range(4) for t in range(3) for n in kept}
    assert StateManager(path).get_all() == expected
    assert names(path.parent) == {"state.json", "state.json.lock"}


WRITER = """
import sys
from flowkit.state import StateManager

state = StateManager(sys.argv[1])
for number in range(1_000_000):
    state.set("last", number)
    state.set(f"{number % 50}", "x" * 2000)
    print(number, flush=True)
"""


@pytest.mark.parametrize("rounds", [1, 7, 23])
def test_a_killed_writer_leaves_a_complete_file_with_all_confirmed_writes(
    path: Path, rounds: int
) -> None:
    writer = start(WRITER, path)
    assert writer.stdout is not None
    messages = [int(next(writer.stdout)) for _ in range(rounds)][-1]
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    messages = max([messages, *map(int, rest.split())])
    state = StateManager(path)
    assert state.get("last") >= messages
    assert list(path.parent.glob("*.corrupt-*")) == []
    state.set("last", -1)
    assert StateManager(path).get("last") == -1


DYING = """
import os, signal, sys
from flowkit.state import StateManager

path, name, when, moment = sys.argv[1:]
state = StateManager(path)
real, calls = getattr(os, name), 0

def die(*args, **kwargs):
    global calls
    calls += 1
    if calls == int(when) and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(*args, **kwargs)
    if calls == int(when) and moment == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(os, name, die)
state.set("key", "new")
"""


@pytest.mark.promise("state-11")
@pytest.mark.parametrize(
    ("name", "when", "moment", "value"),
    [
        ("fchmod", 1, "before", "old"),  # an empty file lies beside
        ("fsync", 1, "before", "old"),
        ("fsync", 1, "after", "old"),
        ("replace", 1, "before", "old"),
        ("replace", 1, "after", "new"),
        ("fsync", 2, "before", "new"),  # of the folder
    ],
)
def test_a_death_in_the_middle_of_a_write_leaves_the_old_file_or_the_new_one(
    path: Path, name: str, when: int, moment: str, value: str
) -> None:
    StateManager(path).set("key", "old")
    dying = start(DYING, path, name, when, moment)
    dying.communicate(timeout=60)
    assert dying.returncode == -signal.SIGKILL
    state = StateManager(path)
    assert state.get("key") == value
    state.set("key", "next")  # neither the lock nor what lies beside is in the way
    assert StateManager(path).get("key") == "next"
    assert names(path.parent) == {"state.json", "state.json.lock"}


HOLDER = """
import sys
from flowkit.state import StateManager

with StateManager(sys.argv[1]).batch():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_readers_never_wait_and_a_dead_writer_blocks_no_one(path: Path) -> None:
    state = StateManager(path)
    state.set("key", 1)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert next(holder.stdout) == "held\n"
    assert state.get("key") == 1
    holder.kill()
    holder.communicate()
    state.set("key", 2)
    assert StateManager(path).get("key") == 2
