"""``append_logs`` in random orders of calls, held against a small model of its fences.

The explorer leaves this script out: it changes no record and no queue, and no other call reads what
it writes. Here lanes claim, end and lose attempts of a run, and write lines for any attempt, also
for those of others, in old calls and when the run is over. After each call the stream must be what
the model says, ``logs`` must count its bytes, and it must live as long as the run.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from environment import Environment, done

from flowkit.core.states import RUN_OVER, TASK_OVER, TaskState
from flowkit.protocol.log_chunks import read_chunks
from flowkit.protocol.log_store import LogStore, NewChunk

LANES = ("W.0", "W.1")
TASKS = (0, 1, 2)
LINE = b"1764508800123 20o a line\n"
Kept = tuple[int, int, str, int]  # task, attempt, lane, number of the line


@dataclass
class Walk:
    """A run, its lanes, and which lines it must have."""

    env: Environment
    chance: random.Random
    kept: dict[str, Kept] = field(default_factory=dict)
    calls: int = 0
    is_over: bool = False

    def __post_init__(self) -> None:
        self.logs = LogStore(self.env.link, self.env.namespace, now_ms=lambda: self.env.now)
        self.env.ready(*TASKS, total=len(TASKS), lanes=LANES)

    def step(self) -> None:
        """Make a call, and compare."""
        calls = [self.append] * 5 + [self.claim] * 3 + [self.complete] * 2 + [self.lose, self.end]
        self.chance.choice(calls)()
        chunks = read_chunks(self.env.client, "r1")[0]
        found = {item.id: (item.task, item.attempt, item.lane, item.first) for item in chunks}
        assert found == self.kept
        counted = self.env.link.call("HGET", self.env.keys.run("r1"), "logs")
        assert int(counted or 0) == len(LINE) * len(self.kept)
        if self.kept:
            assert (self.env.link.call("PTTL", self.env.keys.logs("r1")) > 0) == self.is_over

    # -- what lanes do --------------------------------------------------------------------------

    def claim(self) -> None:
        if not self.is_over:
            self.env.claim(self.chance.choice(LANES), 1)

    def complete(self) -> None:
        held = self._held()
        if held:
            task, attempt, lane = self.chance.choice(held)
            self.env.complete(done(task, self.chance.choice("SF"), attempt), lane=lane)

    def lose(self) -> None:
        """A child dies over what it runs: that is queued again, as another attempt."""
        held = self._held()
        if held:
            task, _, lane = self.chance.choice(held)
            self.env.worker.reap_child(lane, [f"r1,{task}"], 3, b"error")
            self.env.register(lanes=LANES)

    def end(self) -> None:
        """The run ends if it can, or is resumed."""
        records = self.env.client.read_records("r1", TASKS)
        if self.is_over:
            self.env.client.resume("r1", [0], "me")
            self.is_over = False
        elif all(record.state in TASK_OVER for record in records):
            self.env.finish()  # refused if nothing has reset the tasks since a resume
            self.is_over = self.env.client.read_run("r1").state in RUN_OVER

    def _held(self) -> list[tuple[int, int, str]]:
        records = self.env.client.read_records("r1", TASKS)
        return [
            (task, record.attempt, record.lane)
            for task, record in zip(TASKS, records, strict=True)
            if record.state is TaskState.RUNNING
        ]

    # -- lines ----------------------------------------------------------------------------------

    def append(self) -> None:
        """Write lines of any attempt, twice; old ones are dropped or deleted."""
        lane, self.calls = self.chance.choice(LANES), self.calls + 1
        task, attempt = self.chance.choice(TASKS), self.chance.randint(1, 3)
        chunk = NewChunk(task, attempt, self.calls, 1, LINE)
        gone = self.chance.sample(list(self.kept), min(len(self.kept), self.chance.randint(0, 2)))
        most = self.chance.choice((3, 1000)) * len(LINE)
        is_due = self._belongs(task, attempt, lane)

        def send() -> list[str] | None:
            delete = [(name, len(LINE)) for name in (*gone, "1-1")]
            return self.logs.append_logs(
                "r1", lane, self.calls, [chunk], most_bytes=most, delete=delete
            )

        (name,) = send() or [""]
        assert bool(name) == is_due, (task, attempt, lane)
        after = self.env.dump()
        assert send() == [name]
        assert self.env.dump() == after
        for old in gone:
            del self.kept[old]
        if name:
            self.kept[name] = (task, attempt, lane, self.calls)
        for old in list(self.kept)[: max(0, len(self.kept) * len(LINE) - most) // len(LINE)]:
            del self.kept[old]

    def _belongs(self, task: int, attempt: int, lane: str) -> bool:
        """Whether a lane may write lines of an attempt: it has started, and no other has it."""
        (record,) = self.env.client.read_records("r1", [task])
        if attempt != record.attempt:
            return attempt < record.attempt
        return record.lane in ("", lane)


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(n, marks=pytest.mark.slow) for n in range(4, 20))]
)
def test_lines_are_kept_as_the_fences_say(env: Environment, seed: int) -> None:
    walk = Walk(env, random.Random(seed))
    for _ in range(60):
        walk.step()
    assert walk.calls > 10
