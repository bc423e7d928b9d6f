"""The rules of the fuzzer on forged samples: sound ones pass, and each violation is noticed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from .actions import Harm
from .honest import Ended
from .watch import GRACE_S, LAG_S, LINES_A_MINUTE, PEAK_MB, Sample, Watch, Weather, signature

CALM = 1000.0  # a moment at which no harmful attack is near
SOUND = Sample(
    CALM,
    {"worker-0": None},
    {"worker-0": frozenset({7, 8})},
    {("worker-0", 6): 40.0},
    cursor=(5, 0),
    last=(5, 0),
)
RUN = Ended("honest-0-1", CALM, 0.5, "succeeded")


def rules(watch: Watch) -> list[str]:
    return [finding.rule for finding in watch.findings]


def logged(event: str, level: str = "ERROR", message: str = "so it is") -> str:
    return json.dumps({"event": event, "level": level, "message": message})


def test_a_sound_system_has_no_violations() -> None:
    watch = Watch()
    for at in range(100):
        watch.look(replace(SOUND, at=CALM + at))
    watch.hear("worker-0", logged("task_failure"), CALM)
    watch.run_ended(RUN)
    watch.command_ended("ls --json", 0, "[]\n", CALM, CALM + 1)
    watch.command_ended("status", 4, "Error: no such run\n", CALM, CALM + 1)
    assert watch.findings == []


def test_a_past_memory_peak_is_noticed() -> None:
    watch = Watch()
    watch.look(replace(SOUND, peaks={("scheduler-0", 6): PEAK_MB + 1}))
    assert rules(watch) == ["memory"]


def test_a_cursor_that_stands_still_before_an_event_is_noticed() -> None:
    watch = Watch()
    behind = replace(SOUND, last=(6, 0))
    watch.look(behind)
    watch.look(replace(behind, at=CALM + LAG_S - 1))
    assert watch.findings == []
    watch.look(replace(behind, at=CALM + LAG_S + 1))
    assert rules(watch) == ["cursor stuck"]


def test_a_cursor_that_moves_is_not_stuck_however_far_it_is_behind() -> None:
    watch = Watch()
    for at in range(int(3 * LAG_S)):
        watch.look(replace(SOUND, at=CALM + at, cursor=(at, 0), last=(10**6, 0)))
    assert watch.findings == []


def test_a_child_that_ends_is_noticed_unless_its_worker_was_robbed() -> None:
    watch = Watch()
    watch.look(SOUND)
    watch.look(replace(SOUND, children={"worker-0": frozenset({7})}))
    assert rules(watch) == ["child ended"]
    robbed = Watch()
    robbed.weather.change(CALM - 1, Harm.REPEATS)
    robbed.look(SOUND)
    robbed.look(replace(SOUND, children={"worker-0": frozenset({7})}))
    assert robbed.findings == []


def test_the_end_of_a_process_is_noticed_whatever_was_attacked() -> None:
    watch = Watch()
    watch.weather.change(0.0, Harm.DESTROYS)
    watch.ended("worker-1", 1, "UnicodeDecodeError: position 17", CALM)
    watch.ended("worker-0", 1, "UnicodeDecodeError: position 99", CALM)
    assert rules(watch) == ["process ended"]  # the same cause twice
    assert watch.counts["process ends"] == 2


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ([logged("child_died")], "child_died"),
        ([logged("app_broken")], "app_broken"),
        ([logged("scheduler_broken")], "scheduler_broken"),
        (["Traceback (most recent call last):", '  File "x"', "KeyError: 1"], "traceback"),
        (["{half a line"], "torn log line"),
        (['{"message": "\x1b[31m"}'], "escape in log"),
        (["plain\rforged"], "escape in log"),
    ],
)
def test_an_unexpected_log_line_is_noticed(lines: list[str], rule: str) -> None:
    watch = Watch()
    for line in lines:
        watch.hear("worker-0", line, CALM)
    assert rule in rules(watch)


def test_a_flood_of_warnings_is_noticed_but_not_one_for_each_action() -> None:
    watch = Watch()
    for at in range(2 * LINES_A_MINUTE):
        watch.acted(at, "ready")
        watch.hear("scheduler-0", logged("event_broken"), CALM + at / 100)
    assert watch.findings == []
    flooded = Watch()
    for _ in range(LINES_A_MINUTE + 1):
        flooded.hear("scheduler-0", logged("event_broken"), CALM)
    assert rules(flooded) == ["log volume"]


@pytest.mark.parametrize("state", ["failed", "wrong", "late", "error", "broken"])
def test_an_honest_run_that_is_harmed_is_noticed(state: str) -> None:
    watch = Watch()
    watch.run_ended(replace(RUN, state=state))
    assert len(watch.findings) == 1


def test_the_class_of_an_attack_limits_its_harm_to_a_run() -> None:
    watch = Watch()
    watch.weather.change(CALM, Harm.REPEATS)
    watch.run_ended(replace(RUN, state="failed", blamed="once"))
    assert watch.findings == []
    watch.run_ended(replace(RUN, state="failed", blamed="double"))
    assert rules(watch) == ["honest run"]
    watch.weather.change(CALM, Harm.DESTROYS)
    watch.run_ended(replace(RUN, state="late"))
    assert rules(watch) == ["honest run"]
    watch.run_ended(replace(RUN, state="broken"))
    assert rules(watch) == ["honest run", "client broken"]


def test_harm_counts_for_a_while_after_it() -> None:
    weather = Weather()
    weather.change(100.0, Harm.DESTROYS)
    weather.change(110.0, Harm.NONE)
    assert weather.worst(50.0, 99.0) is Harm.NONE
    assert weather.worst(50.0, 101.0) is Harm.DESTROYS
    assert weather.worst(110.0 + GRACE_S - 1, 1000.0) is Harm.DESTROYS
    assert weather.worst(110.0 + GRACE_S + 1, 1000.0) is Harm.NONE


@pytest.mark.parametrize(
    ("words", "code", "output", "rule"),
    [
        ("status x", 1, "Traceback (most recent call last):\nKeyError: 1\n", "command traceback"),
        ("status x", -9, "", "command code"),
        ("ls", 3, "Error: damaged\n", "listing refused"),
        ("ls", 0, "\x1b]0;title\x07\n", "escape in output"),
    ],
)
def test_an_illegal_exit_of_a_command_is_noticed(
    words: str, code: int, output: str, rule: str
) -> None:
    watch = Watch()
    watch.command_ended(words, code, output, CALM, CALM + 1)
    assert rules(watch) == [rule]


def test_findings_cannot_control_a_terminal() -> None:
    watch = Watch()
    watch.command_ended("ls", 3, "Error: \x1b]0;title\x07 \u202e\n", CALM, CALM + 1)
    assert [item for item in map(str, watch.findings) if not item.isprintable()] == []
    assert "\\x1b]0;title\\x07 \\u202e" in str(watch.findings[0])


def test_findings_of_one_cause_have_one_signature() -> None:
    first = "run hostile-7-12 at position 7 of 0123456789abcdef: 'a b'"
    second = "run hostile-9-3 at position 99 of fedcba9876543210: 'c'"
    assert signature(first) == signature(second) == "run # at position # of #: #"
