"""What the tests of the command line share: apps to run, the command, and its processes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
from forker import FLOWKIT, Forker

# As the installed command: without the working directory on sys.path.
COMMAND = (sys.executable, "-P", "-m", "flowkit")
DEADLINE_S = 60

APPS = {
    "chain.py": """
from flowkit import DAG, task

@task
def first(size: int = 1):
    print("hello from first")
    return list(range(size))

@task
def second(items, word="x"):
    return word * len(items)

with DAG("chain") as dag:
    first >> second
""",
    "failing.py": """
import os
import time
from flowkit import DAG, task

@task
def before():
    return "kept"

@task
def breaks(x, ok: str = ""):
    if not (ok and os.path.exists(ok)):
        raise ValueError("no \\x1b[2J[red]such[/red] thing")
    return "mended"

@task
def behind(x):
    return x

with DAG("failing") as dag:
    before >> breaks >> behind
""",
    "slow.py": """
import subprocess
import sys
import time
from pathlib import Path
from flowkit import DAG, task

@task
def sleeps(mark: str, child: bool = False):
    Path(mark).write_text("begun")
    if child:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])
    time.sleep(600)

with DAG("slow") as dag:
    dag.add(sleeps)
""",
    "patient.py": """
import os
from flowkit import DAG, task

@task(retries=2, delay=3600)
def fetch(ok: str = "", name: str = ""):
    if not (ok and os.path.exists(ok)):
        raise ConnectionError("the server is down")
    return "fetched"

@task
def stores(text):
    return text

with DAG("patient") as dag:
    fetch >> stores
    dag.add(fetch.bind("second"))

with DAG("branches", on_failure="continue") as branches:
    @task
    def breaks(ok: str = ""):
        if not (ok and os.path.exists(ok)):
            raise ValueError("no")
    breaks >> [stores.bind("behind")]
    branches.add(fetch.bind("slowly"))
""",
    "hostile.py": """
from flowkit import DAG, task

@task(name="[red]x[/red]")
def odd():
    print("told \\x9b31m \\u202e")
    return "\\x1b[2J\\x07[bold]gone[/bold]"

with DAG("[blink]dag[/blink]") as dag:
    dag.add(odd)
""",
    "several.py": """
from flowkit import DAG, task

@task(queue="special")
def only():
    return 1

with DAG("one") as first_dag:
    first_dag.add(only)
with DAG("two") as second_dag:
    second_dag.add(only)
""",
    "wide.py": """
from flowkit import DAG, task

@task
def root():
    return 0

@task
def leaf(x, i: int):
    return i

@task
def total(*values):
    return sum(values)

with DAG("wide") as dag:
    root >> [leaf.bind(f"leaf_{i}", i=i) for i in range(60)] >> total
""",
    "dropped.py": """
from flowkit import DAG, task

@task(keep_result=False)
def load():
    return [1, 2]

@task
def total(rows):
    return sum(rows)

with DAG("dropped") as dag:
    load >> total
""",
    "reused.py": """
from flowkit import DAG, task

@task(cache_ttl=600)
def source(version: str = ""):
    return version

@task
def copy(text):
    return text

with DAG("reused") as dag:
    source >> copy
""",
    "broken.py": "import no_such_module_anywhere\n",
    "cycle.py": """
from flowkit import DAG, task

@task
def a(x=None): ...

@task
def b(x=None): ...

with DAG("round") as dag:
    a >> b >> a
""",
}

Run = Callable[..., subprocess.CompletedProcess[str]]


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return all processes below one."""
    return psutil.Process(process.pid).children(recursive=True)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that have not ended."""
    return [
        process for process in processes if process.is_running() and process.status() != "zombie"
    ]


class RunningSystem:
    """A system on a real Redis that users' commands can talk to."""

    def __init__(self, url: str, namespace: str) -> None:
        self.variables = {"FLOWKIT_REDIS_URL": url, "FLOWKIT_NAMESPACE": namespace}


def run_on_terminal(
    *words: str,
    environ: Mapping[str, str],
    folder: Path | None = None,
    forker: Forker | None = None,
) -> tuple[int, str]:
    """Run the command on a terminal; return its exit code and what the terminal was sent."""
    leader, follower = pty.openpty()
    if forker is not None:
        streams = (follower, follower, follower)
        process = forker.start(FLOWKIT, words, folder or Path.cwd(), environ, streams)
        os.close(follower)
        shown = _read_all(leader)
        return process.wait(DEADLINE_S), shown.replace("\r\n", "\n")
    with subprocess.Popen(
        [*COMMAND, *words],
        cwd=folder,
        env=environ,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    ) as started:
        os.close(follower)
        shown = _read_all(leader)
        return started.wait(DEADLINE_S), shown.replace("\r\n", "\n")


def _read_all(descriptor: int) -> str:
    data = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # the other side is closed
            part = b""
        if not part:
            os.close(descriptor)
            return data.decode()
        data += part
