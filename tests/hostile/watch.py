"""The rules: what may never happen to our processes, whatever stands in Redis.

``Watch`` is given samples, log lines and ends of runs, and keeps what was violated. It touches no
process and no clock, so that its rules can be tried on forged samples.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flowkit.daemon.exit_codes import ExitCode

from .actions import Harm
from .honest import Ended, is_violation

LAG_S = 20.0  # for which the cursor may stand still before an event
PEAK_MB = 500.0
WORKER_PEAK_MB = 1000.0  # its children unpack values of up to 64 MiB
GRACE_S = 25.0  # after harmful attacks: two leases of a worker
LINES_A_MINUTE = 600  # warnings and errors of one process, and for each action
LINES_AN_ACTION = 6
KEPT = 200  # findings
# Listings show a damaged row for what cannot be read; they never end with an error for it.
LISTINGS = ("ls", "workers", "dead")
# What steers a terminal or turns its text round, but for tabs and line feeds.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HARMED_BY_NONE = ("child_died", "app_broken", "scheduler_broken", "lease_lost")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was violated. ``rule`` and ``about`` tell it from others."""

    rule: str
    about: str
    text: str
    at: float
    action: int
    kinds: tuple[str, ...] = ()  # of the last actions, the last one first

    def __str__(self) -> str:
        last = f"after action {self.action}: {', '.join(self.kinds)}"
        return f"[{self.rule}] {self.about}: {self.text} ({last})"


@dataclass(frozen=True, slots=True)
class Sample:
    """How things stand at a moment.

    ``codes``: name → exit code, None while it runs. ``children``: worker → pids of those that run
    tasks. ``peaks``: (name, pid) → most memory it ever held, MB. ``cursor`` and ``last``: ids of
    events, None if they cannot be read.
    """

    at: float
    codes: Mapping[str, int | None]
    children: Mapping[str, frozenset[int]] = field(default_factory=dict)
    peaks: Mapping[tuple[str, int], float] = field(default_factory=dict)
    cursor: tuple[int, int] | None = None
    last: tuple[int, int] | None = None


class Weather:
    """Which class of attacks was under way at what time."""

    def __init__(self) -> None:
        self._changes: list[tuple[float, Harm]] = [(0.0, Harm.NONE)]

    def change(self, at: float, harm: Harm) -> None:
        """Say that attacks of this class begin."""
        self._changes.append((at, harm))

    def worst(self, began: float, ended: float) -> Harm:
        """Return the worst class of a time, with what came shortly before it."""
        first = began - GRACE_S
        worst = Harm.NONE
        for (at, harm), (until, _) in zip(
            self._changes, [*self._changes[1:], (float("inf"), Harm.NONE)], strict=True
        ):
            if at <= ended and until > first:
                worst = max(worst, harm)
        return worst


class Watch:
    """What was seen, and what of it was a violation. Thread-safe."""

    def __init__(self, *, on_finding: Callable[[Finding], None] = lambda finding: None) -> None:
        self.weather = Weather()
        self.findings: list[Finding] = []
        self.counts: dict[str, int] = defaultdict(int)
        self.most: dict[str, float] = defaultdict(float)
        self.actions = 0
        self.recent: deque[str] = deque(maxlen=12)  # kinds of the last actions
        self.stopping: set[str] = set()  # daemons that were told to stop
        self.lag = 0.0  # for which the cursor has stood still before an event
        self._on_finding = on_finding
        self._lock = threading.RLock()
        self._known: set[tuple[str, str]] = set()
        self._children: dict[str, frozenset[int]] = {}
        self._moved: tuple[float, tuple[int, int]] | None = None
        self._loud: dict[str, deque[tuple[float, int, str]]] = defaultdict(deque)
        self._in_traceback: dict[str, bool] = defaultdict(bool)

    def violated(self, rule: str, about: str, text: str, at: float) -> None:
        """Keep a violation, once for each rule and what it is about."""
        about, text = plain(about), plain(text)
        with self._lock:
            self.counts[f"violations of {rule}"] += 1
            if (rule, about) in self._known or len(self.findings) >= KEPT:
                return
            self._known.add((rule, about))
            finding = Finding(rule, about, text, at, self.actions, tuple(self.recent))
            self.findings.append(finding)
        self._on_finding(finding)

    def acted(self, number: int, kind: str) -> None:
        """Note an action, so that a violation can say what came before it."""
        self.actions = number
        self.recent.appendleft(kind)
        self.counts[f"action {kind}"] += 1

    def forget_processes(self) -> None:
        """Take what is seen next for the beginning: processes were started, or Redis emptied."""
        with self._lock:
            self._children.clear()
            self._moved, self.lag = None, 0.0

    # -- samples --------------------------------------------------------------------------------

    def look(self, sample: Sample) -> None:
        """Judge a sample."""
        harm = self.weather.worst(sample.at, sample.at)
        for (name, pid), peak in sample.peaks.items():
            self.most["memory of a process, MB"] = max(self.most["memory of a process, MB"], peak)
            role = name.rstrip("0123456789-")
            if peak > (WORKER_PEAK_MB if role == "worker" else PEAK_MB):
                self.violated("memory", role, f"{name} ({pid}) took {peak:.0f} MB", sample.at)
        for name, children in sample.children.items():
            gone = self._children.get(name, frozenset()) - children
            ended = sample.codes.get(name) is not None or name in self.stopping
            if gone and harm is Harm.NONE and not ended:
                self.violated(
                    "child ended", name.rstrip("0123456789-"), f"{sorted(gone)}", sample.at
                )
            self._children[name] = children
        self._look_at_cursor(sample, harm)

    def _look_at_cursor(self, sample: Sample, harm: Harm) -> None:
        if sample.cursor is None or sample.last is None or sample.cursor >= sample.last:
            self._moved, self.lag = None, 0.0
            return
        if self._moved is None or self._moved[1] != sample.cursor:
            self._moved = (sample.at, sample.cursor)
        self.lag = lag = sample.at - self._moved[0]
        if harm is Harm.NONE:
            self.most["cursor stood still, s"] = max(self.most["cursor stood still, s"], lag)
            if lag > LAG_S:
                text = f"it has stood at {sample.cursor} for {lag:.0f} s, the last is {sample.last}"
                self.violated("cursor stuck", "scheduler", text, sample.at)

    def ended(self, name: str, code: int, last_words: str, at: float) -> None:
        """Note that a process of ours has ended, which none may, whatever is attacked."""
        self.counts["process ends"] += 1
        about = f"{name.rstrip('0123456789-')} {signature(last_words)}"
        self.violated("process ended", about, f"{name} ended with {code}: {last_words[-300:]}", at)

    # -- logs -----------------------------------------------------------------------------------

    def hear(self, name: str, line: str, at: float) -> None:
        """Judge a line that a process has written, without its line feed."""
        role = name.rstrip("0123456789-")
        self.counts["log lines"] += 1
        if _UNSAFE.search(line):
            self.violated("escape in log", role, f"{name} wrote {line[:200]!r}", at)
        if not line.startswith("{"):
            self._hear_plain(name, role, line, at)
            return
        try:
            parts = json.loads(line)
        except ValueError:
            self.violated("torn log line", role, f"{name} wrote {line[:200]!r}", at)
            return
        event, level = str(parts.get("event")), str(parts.get("level"))
        self.counts[f"log {event}"] += 1
        if level in ("WARNING", "ERROR", "CRITICAL"):
            self._count_loud(name, event, at)
        if event in HARMED_BY_NONE and self.weather.worst(at, at) is Harm.NONE:
            text = str(parts.get("message"))
            self.violated(event, f"{role} {signature(text)}", text[:500], at)

    def _hear_plain(self, name: str, role: str, line: str, at: float) -> None:
        if line.startswith("Traceback"):
            self._in_traceback[name] = True
        elif self._in_traceback[name] and line and not line.startswith((" ", "\t")):
            self._in_traceback[name] = False
            self.violated("traceback", f"{role} {signature(line)}", f"{name}: {line[:300]}", at)

    def _count_loud(self, name: str, event: str, at: float) -> None:
        loud = self._loud[name]
        loud.append((at, self.actions, event))
        while loud[0][0] < at - 60:
            loud.popleft()
        self.most["warnings a minute"] = max(self.most["warnings a minute"], len(loud))
        allowed = LINES_A_MINUTE + LINES_AN_ACTION * (self.actions - loud[0][1])
        if len(loud) == allowed + 1:  # the sum costs much, and once is enough
            ((most, times),) = Counter(event for _, _, event in loud).most_common(1)
            text = f"{name} wrote {len(loud)} warnings in a minute, {times} of them {most}"
            self.violated("log volume", f"{name.rstrip('0123456789-')} {most}", text, at)

    # -- runs and commands ----------------------------------------------------------------------

    def run_ended(self, run: Ended) -> None:
        """Judge the end of an honest run."""
        harm = self.weather.worst(run.began, run.began + run.seconds)
        self.counts[f"honest runs {run.state}"] += 1
        if harm is Harm.NONE:
            self.counts["honest runs beside harmless attacks"] += 1
            self.most["honest run, s"] = max(self.most["honest run, s"], run.seconds)
        if run.state == "broken":  # whatever is attacked, a client raises its own errors only
            self.violated("client broken", signature(run.detail), run.detail, run.began)
        elif is_violation(run, harm):
            about = f"{run.state} {run.blamed or signature(run.detail)}"
            text = f"{run.run} after {run.seconds:.1f} s: {run.detail}"
            self.violated("honest run", about, text, run.began)

    def command_ended(self, words: str, code: int, output: str, began: float, ended: float) -> None:
        """Judge how a command of the command line ended; ``output``: on both streams."""
        self.counts["commands"] += 1
        self.most["command, s"] = max(self.most["command, s"], ended - began)
        tail = output.strip().splitlines()[-1] if output.strip() else ""
        about = f"{words.split()[0]} {signature(tail)}"
        if "Traceback (most recent call last)" in output:
            self.violated("command traceback", about, f"`{words}`: {output[-600:]}", ended)
        elif code not in tuple(ExitCode):
            self.violated("command code", about, f"`{words}` ended with {code}: {tail}", ended)
        elif code and self._must_list(words, began, ended):
            self.violated("listing refused", about, f"`{words}` ended with {code}: {tail}", ended)
        if _UNSAFE.search(output):
            self.violated("escape in output", words.split()[0], f"`{words}`", ended)

    def _must_list(self, words: str, began: float, ended: float) -> bool:
        harmless = self.weather.worst(began, ended) is Harm.NONE
        return harmless and words.split()[0] in LISTINGS


def plain(text: str) -> str:
    """Return a text that a terminal shows and does not obey: an attacker may have written it."""
    return _UNSAFE.sub(lambda char: ascii(char[0])[1:-1], text)


def signature(text: str) -> str:
    """Return what two findings of one cause have in common: the text without its particulars."""
    plain = re.sub(r"hostile-[^\s,]*|honest-[^\s,]*|[0-9a-f]{12,}|\d+|'[^']*'", "#", text)
    return plain[:90]
