"""Completion in a shell: what the script is, and what it completes."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path

import pytest
from console import Run, RunningSystem


def completed(flowkit: Run, *words: str, **environ: str) -> list[str]:
    """Return what bash is told for the last of these words."""
    asked = {
        "_FLOWKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("flowkit", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = flowkit(**asked, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.promise("sight-17")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(flowkit: Run, tmp_path: Path, shell: str) -> None:
    done = flowkit("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_FLOWKIT_COMPLETE" in done.stdout
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(done.stdout)
        subprocess.run([shell, "-n", str(script)], check=True, timeout=60)


def test_another_shell_is_refused(flowkit: Run) -> None:
    done = flowkit("completion", "tcsh")
    assert done.returncode == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.stderr


def test_commands_and_options_are_completed(flowkit: Run) -> None:
    assert completed(flowkit, "sta") == ["status"]
    assert "--from-task" in completed(flowkit, "resume", "--fr")


@pytest.mark.promise("sight-17")
def test_ids_of_runs_are_completed(flowkit: Run, running: RunningSystem) -> None:
    name = f"tab-{uuid.uuid4().hex[:8]}"
    done = flowkit("submit", "chain.py", "--run-id", name, "--wait", **running.variables)
    assert done.returncode == 0
    assert completed(flowkit, "status", name[:8], **running.variables) == [name]
    assert completed(flowkit, "dead", "retry", "nobody", **running.variables) == []
    assert completed(flowkit, "logs", name, "sec", **running.variables) == ["second"]
    assert completed(flowkit, "why", name[:8], "", **running.variables) == ["first", "second"]
    assert completed(flowkit, "why", "nobody", "", **running.variables) == []


@pytest.mark.parametrize(
    "environ", [{}, {"FLOWKIT_REDIS_URL": "redis://127.0.0.1:1/0"}, {"FLOWKIT_REDIS_URL": "x://"}]
)
def test_without_a_redis_nothing_is_completed_and_nothing_said(
    flowkit: Run, environ: dict[str, str]
) -> None:
    assert completed(flowkit, "status", "n", **environ) == []
