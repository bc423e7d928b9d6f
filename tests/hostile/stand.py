"""The processes under attack: a Redis, a scheduler, two workers, and what is seen of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import redis
from helpers import wait_until
from real_redis import RealRedis
from real_system import Process, System

from flowkit.protocol.keys import Keys

from . import HERE
from .actions import Command, Living, send
from .watch import Sample, Watch

APP = str(HERE / "apps" / "hostile_app.py")
NAMESPACE = "hostile"
GUARD_MB = 2500.0  # a process that takes more is ended, so that the machine survives its tests
COMMANDS = (
    *("ls", "workers", "dead ls --json", "ls --json", "status", "dead ls", "workers --json"),
    *("purge --older-than 0 --dry-run", "queues", "history last", "logs last --tail 50"),
    *("why last", "queues --json", "history last --json"),
    *("ls --children", "status last --items failed", "ls --children --json", "status last --json"),
)
COMMAND_S = 60.0
STOP_S = 40.0  # a worker's grace period, and some more
LAST_ID = """
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then return '' end
local found = redis.call('XINFO', 'STREAM', KEYS[1])
for at = 1, #found, 2 do
  if found[at] == 'last-generated-id' then return found[at + 1] end
end
"""


class Stand:
    """One Redis with a scheduler and two workers. Times are in seconds."""

    def __init__(self, folder: Path, watch: Watch) -> None:
        self.folder = folder
        self.watch = watch
        self.keys = Keys(NAMESPACE)
        self.redis = RealRedis(folder / "redis")
        self.redis.start()
        self.server = self._client()
        self.system = System(self.redis.url, NAMESPACE, folder, forked=False)
        self.daemons: dict[str, Process] = {}
        self.restarts = 0
        self._read: dict[Path, tuple[int, bytes]] = {}
        self._ids: dict[str, str] = {}
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self.living = Living(
            lambda: self._alive("worker"), lambda: self._alive("scheduler"), self._now_ms
        )

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis.url, protocol=2, socket_timeout=60)

    # -- processes ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the daemons and wait until they work."""
        for name in ("scheduler-0", "worker-0", "worker-1"):
            self._start(name)
        wait_until("all have registered", lambda: self._told() or len(self._ids) == 3, 60)

    def _start(self, name: str) -> None:
        environ = {"FLOWKIT_LOG_JSON": "1", "FLOWKIT_LOG_LEVEL": "SYSTEM"}
        if name.startswith("scheduler"):
            process = self.system.scheduler(**environ)
        else:
            process = self.system.worker("--processes", "2", app=APP, lease=10.0, **environ)
        self.daemons[name] = process

    def revive(self) -> list[str]:
        """Report which daemons have ended, and start others in their place; return their names."""
        result = [name for name, item in self.daemons.items() if item.popen.poll() is not None]
        for name in result:
            process = self.daemons[name]
            words = _last_words(process.log)
            self.watch.ended(name, process.popen.returncode, words, time.monotonic())
            self.restarts += 1
            self._start(name)
        if result:
            self.watch.forget_processes()
        return result

    def restart(self, name: str) -> None:
        """Stop a daemon in good order, as a deployment does, and start another in its place.

        What stands in Redis must neither keep it from ending well nor end the next one.
        """
        process = self.daemons[name]
        self.watch.stopping.add(name)
        process.terminate()
        try:
            code: int | str = process.popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = f"a kill, after {STOP_S:g} s"
        began = '_started"' in process.log  # before that, it ends as any program does
        if code != 0 and not (code == -signal.SIGTERM and not began):
            words = _last_words(process.log)
            text = f"{name} was told to stop and ended with {code}: {words[-300:]}"
            self.watch.violated("unclean stop", f"{name} {code}", text, time.monotonic())
        self._start(name)
        self.watch.forget_processes()
        self.watch.stopping.discard(name)
        with self._reading:
            self._hear(name, process.log_path)

    def reset(self) -> None:
        """Empty Redis, and start everything again: nothing of what was attacked is left."""
        for process in self.daemons.values():
            process.kill()
        self.server.flushall()
        with self._lock:
            self._ids.clear()
        self.start()
        self.watch.forget_processes()

    def close(self) -> None:
        """End everything that was started here."""
        self.system.close()
        self.server.close()
        self.redis.stop()

    # -- attacks --------------------------------------------------------------------------------

    def send(self, commands: Sequence[Command]) -> int:
        """Carry out an attack; return how many of its commands Redis refused."""
        return send(self.server, [self.living.fill_in(command) for command in commands])

    def _alive(self, role: str) -> list[str]:
        with self._lock:
            return [value for name, value in sorted(self._ids.items()) if name.startswith(role)]

    def _now_ms(self) -> int:
        seconds, micros = self.server.time()
        return int(seconds) * 1000 + int(micros) // 1000

    # -- what is seen ---------------------------------------------------------------------------

    def look(self, server: redis.Redis) -> None:
        """Take a sample and read what was logged since the last time."""
        self._told()
        codes = {name: process.popen.poll() for name, process in self.daemons.items()}
        children: dict[str, frozenset[int]] = {}
        peaks: dict[tuple[str, int], float] = {}
        for name, process in list(self.daemons.items()):
            below = process.children() if name.startswith("worker") else []
            children[name] = frozenset(item.pid for item in below)
            for pid in (process.pid, *children[name]):
                peaks[name, pid] = _peak_mb(pid)
                self._guard(pid)
        cursor, last = self._events(server)
        self.watch.look(Sample(time.monotonic(), codes, children, peaks, cursor, last))

    def _guard(self, pid: int) -> None:
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).memory_info().rss > GUARD_MB * 1024 * 1024:
                psutil.Process(pid).kill()

    def _events(self, server: redis.Redis) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        try:
            result = server.get(self.keys.cursor())
            last = server.eval(LAST_ID, 1, self.keys.events())
            return _moment(result or b"0-0"), _moment(last)
        except (redis.RedisError, ValueError):
            return None, None

    def _told(self) -> None:
        with self._reading:
            for name, process in list(self.daemons.items()):
                self._hear(name, process.log_path)

    def _hear(self, name: str, path: Path) -> None:
        for line in self._new_lines(path):
            self.watch.hear(name, line, time.monotonic())
            self._note_id(name, line)

    def _note_id(self, name: str, line: str) -> None:
        if '"worker_started"' not in line and '"scheduler_started"' not in line:
            return
        with suppress(ValueError):
            parts = json.loads(line)
            with self._lock:
                self._ids[name] = parts.get("worker") or parts.get("scheduler") or ""

    def _new_lines(self, path: Path) -> list[str]:
        at, rest = self._read.get(path, (0, b""))
        with path.open("rb") as file:
            file.seek(at)
            data = file.read(4_000_000)
        *lines, rest_now = (rest + data).split(b"\n")
        self._read[path] = (at + len(data), rest_now)
        return [line.decode("utf-8", "replace") for line in lines]

    def run_command(self, words: str) -> None:
        """Run a command of the command line, and have it judged."""
        environ = {key: value for key, value in os.environ.items() if key[:8] != "FLOWKIT_"}
        environ |= {"FLOWKIT_REDIS_URL": self.redis.url, "FLOWKIT_NAMESPACE": NAMESPACE}
        began = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "flowkit", *words.split()],
                capture_output=True, timeout=COMMAND_S, env=environ, cwd=self.folder,
            )  # fmt: skip
            code, output = done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            self.watch.violated("command hangs", words, f"over {COMMAND_S:g} s", began)
            return
        self.watch.command_ended(words, code, output, began, time.monotonic())

    def busy_share(self, seconds: float) -> float:
        """Return the largest share of a processor that one of the daemons took for so long."""
        before = self._cpu_seconds()
        time.sleep(seconds)
        after = self._cpu_seconds()
        return max([(after[pid] - before[pid]) / seconds for pid in before if pid in after] or [0])

    def _cpu_seconds(self) -> dict[int, float]:
        """Return the processor time of each daemon that lives, with its children."""
        result: dict[int, float] = {}
        for process in self.daemons.values():
            with suppress(psutil.NoSuchProcess):
                result[process.pid] = process.cpu_seconds()
        return result


class Watcher:
    """Threads that look at a stand and try the command line until they are told to stop."""

    def __init__(self, stand: Stand, *, every: float = 0.5, commands_every: float = 5.0) -> None:
        self._stand = stand
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._look, args=(every,), daemon=True),
            threading.Thread(target=self._command, args=(commands_every,), daemon=True),
        ]
        self.broken: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop. Raises what broke the watching, which would have gone blind."""
        self._over.set()
        for thread in self._threads:
            thread.join(COMMAND_S + 10)
        if self.broken is not None:
            raise self.broken

    def _look(self, every: float) -> None:
        try:
            with self._stand._client() as server:
                while not self._over.wait(every):
                    self._stand.look(server)
        except BaseException as error:
            self.broken = error

    def _command(self, every: float) -> None:
        number = 0
        while not self._over.wait(every):
            self._stand.run_command(COMMANDS[number % len(COMMANDS)])
            number += 1


def _peak_mb(pid: int) -> float:
    """Return the most memory that a process has ever held, 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    kilobytes = status.partition("VmHWM:")[2].split()
    return int(kilobytes[0]) / 1024 if kilobytes else 0.0


def _moment(event_id: bytes) -> tuple[int, int]:
    ms, _, number = event_id.partition(b"-")
    return int(ms), int(number or 0)


def _last_words(log: str) -> str:
    """Return the last line of a log that is no JSON, or else the last one."""
    lines = [line for line in log[-20_000:].splitlines() if line.strip()]
    plain = [line for line in lines if not line.startswith("{")]
    return (plain or lines or ["it said nothing"])[-1]
