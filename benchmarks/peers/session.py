"""The client of a peer in a separate process, in the peer's environment, and the messages to it.

``stop`` always ends it and everything that it started. A failure in a peer raises a
BrokenSystemError that describes it in one sentence.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]

from ..daemons import ROOT, BrokenSystemError, ends_of_logs

ADAPTERS = Path(__file__).parent / "adapters"
LONGEST_S = 200.0
STOP_S = 15.0
# The caller's settings must not change what is measured.
FOREIGN = ("PYTHON", "FLOWKIT", "CELERY", "RQ", "DASK", "PREFECT", "PEERS", "DOCKET", "dramatiq")
QUIET = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


class Session:
    """A client between ``start`` and ``stop``; the peer runs after ``ask("start")``."""

    def __init__(self, peer: str, python: Path, url: str) -> None:
        self.peer = peer
        self._folder = Path(tempfile.mkdtemp(prefix="flowkit-peers-"))
        self._python, self._url = python, url
        self._host: subprocess.Popen[str] | None = None
        self._seen: list[psutil.Process] = []  # a client that dies leaves them without a parent

    def start(self) -> None:
        """Start the client."""
        work, tally = self._folder / "work", self._folder / "tally"
        work.mkdir()
        tally.mkdir()
        with (work / "client.log").open("wb") as log:
            self._host = subprocess.Popen(
                [str(self._python), str(ADAPTERS / "serve.py"), self.peer],
                cwd=work,
                env=self._environment(work, tally),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                start_new_session=True,  # Ctrl-C is for the driver, which ends the rest in order
            )

    def stop(self) -> None:
        """End the client and all its descendants, and remove the folder."""
        host, self._host = self._host, None
        if host is None:
            return
        below = {*self._seen, *_family(host.pid)}
        assert host.stdin is not None
        assert host.stdout is not None
        try:
            host.stdin.close()  # it ends its workers, then itself
            host.wait(STOP_S)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            pass
        finally:
            for process in below:
                if process.is_running():
                    process.kill()
            host.kill()
            host.wait()
            host.stdout.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def ask(self, do: str, **words: object) -> dict[str, float]:
        """Send a command; return what was measured. Raises BrokenSystemError."""
        assert self._host is not None
        assert self._host.stdin is not None
        try:
            self._host.stdin.write(json.dumps({"do": do, **words}) + "\n")
            self._host.stdin.flush()
        except BrokenPipeError:
            raise BrokenSystemError(f"its client has ended. {self._logs()}") from None
        said: dict[str, float] = json.loads(self._line(do))
        if "error" in said:
            raise BrokenSystemError(f"{said['error']}. {self._logs()}")
        self._seen = self.workers()
        return said

    def _line(self, do: str) -> str:
        assert self._host is not None
        assert self._host.stdout is not None
        deadline = time.monotonic() + LONGEST_S
        while time.monotonic() < deadline:
            if select.select([self._host.stdout], [], [], 1.0)[0]:
                line = self._host.stdout.readline()
                if not line:
                    raise BrokenSystemError(f"its client has ended. {self._logs()}")
                return line
        raise BrokenSystemError(f"{do} was not over after {LONGEST_S:g} s. {self._logs()}")

    def workers(self) -> list[psutil.Process]:
        """Return all processes of the peer except its client."""
        assert self._host is not None
        return _family(self._host.pid)

    def _logs(self) -> str:
        return ends_of_logs(self._folder / "work")

    def _environment(self, work: Path, tally: Path) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
        own = {"PEERS_REDIS": self._url, "PEERS_TALLY": str(tally), "PREFECT_HOME": str(work)}
        if self.peer == "flowkit":  # of this tree, whether or not it is installed
            own["PYTHONPATH"] = str(ROOT)
        return {**clean, **QUIET, **own, "DASK_CONFIG": str(work)}


def _family(pid: int) -> list[psutil.Process]:
    try:
        result: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return result
