"""Test DAGs: run one at once, on a clock that does not wait, and check what ran.

    from flowkit.testing import run_dag

    def test_a_bad_row_is_retried_for_two_hours():
        result = run_dag(dag, params={"day": "2025-11-22"})
        result.assert_failed("load", ValueError, match="bad row").assert_attempts("load", 3)
        assert result.elapsed > 7200

The runner is that of ``dag.run()``; only the clock, the randomness and the transport of values
differ. With pytest, fixtures offer the same, and whole systems: see plugin/__init__.py. This module
does not need pytest, and imports what needs a store only when it is used.
"""

from __future__ import annotations

from ..clock import FakeClock
from .result import DagResult, TaskResult
from .run import call_task, run_dag

__all__ = ["DagResult", "FakeClock", "TaskResult", "call_task", "run_dag"]
