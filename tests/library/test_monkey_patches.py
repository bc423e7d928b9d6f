"""A process that gevent or eventlet has patched is refused: in it, a worker claimed nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from real_redis import RealRedis

from flowkit.daemon.monkey_patches import patched_by, why_refused

# What gevent and eventlet say of themselves, without them.
GEVENT = """
import sys, types
monkey = types.ModuleType("gevent.monkey")
monkey.is_module_patched = lambda name: name in {"threading", "socket"}
sys.modules["gevent.monkey"] = monkey
from flowkit import task
@task
def nothing(): ...
"""


def test_an_import_alone_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert patched_by() is None
    for name, question in (
        ("gevent.monkey", "is_module_patched"),
        ("eventlet.patcher", "is_monkey_patched"),
    ):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**{question: lambda name: False}))
    assert why_refused("The app a.py") is None


@pytest.mark.parametrize(
    ("module", "question", "call"),
    [
        ("gevent.monkey", "is_module_patched", "gevent.monkey.patch_all()"),
        ("eventlet.patcher", "is_monkey_patched", "eventlet.monkey_patch()"),
    ],
)
def test_the_refusal_names_the_call_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, module: str, question: str, call: str
) -> None:
    fake = SimpleNamespace(**{question: lambda name: name == "socket"})
    monkeypatch.setitem(sys.modules, module, fake)
    messages = why_refused("The app a.py")
    assert messages is not None
    assert messages.startswith(f"The app a.py calls {call}")
    assert "Leave that call out" in messages


def test_the_real_gevent_says_so_too() -> None:
    pytest.importorskip("gevent")
    script = (
        "from gevent import monkey; monkey.patch_all(); import flowkit.daemon.monkey_patches as m; "
    )
    command = [sys.executable, "-W", "ignore", "-c", script + "print(m.patched_by())"]
    out = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert out == "gevent.monkey.patch_all()\n"


def test_a_worker_ends_with_the_sentence(tmp_path: Path, redis_server: RealRedis) -> None:
    """Its app is loaded in a child, which tells the parent that no other one would fare better."""
    app = tmp_path / "patched.py"
    app.write_text(GEVENT)
    command = [sys.executable, "-m", "flowkit.worker", "--app", str(app), "--processes", "1"]
    done = subprocess.run(
        [*command, "--redis", redis_server.url], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "patched.py calls gevent.monkey.patch_all()" in done.stdout


@pytest.mark.parametrize("daemon", ["worker", "scheduler"])
def test_a_daemon_that_is_patched_itself_does_not_start(tmp_path: Path, daemon: str) -> None:
    script = GEVENT + f"sys.argv[1:] = ['--app', 'x'] if '{daemon}' == 'worker' else []\n"
    script += f"from flowkit.{daemon}.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 2
    assert f"The process of flowkit-{daemon} calls gevent.monkey.patch_all()" in done.stderr
