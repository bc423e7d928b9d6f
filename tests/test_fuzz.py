"""The targets of ``python -m tests.fuzz`` hold for what flowkit writes, and for parts of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("fuzz_command", Path(__file__).parent / "fuzz.py")
assert _spec is not None
assert _spec.loader is not None
fuzz = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzz)


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_a_target_accepts_complete_and_truncated_data_of_flowkit(target: str) -> None:
    for seed in fuzz.seeds(target):
        for end in range(len(seed) + 1):
            fuzz.TARGETS[target](seed[:end])


def test_a_target_detects_a_reader_that_raises_another_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def careless(data: bytes) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("flowkit.protocol.records.parse_record", careless)
    with pytest.raises(ZeroDivisionError):
        fuzz.TARGETS["record"](b"S1,W.0,0,3,4")
