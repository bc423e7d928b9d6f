"""Testing DAGs: run one at once, on a clock that does not wait, and ask what ran.

    from flowkit.testing import run_dag

    def test_a_bad_row_is_tried_again_for_two_hours():
        result = run_dag(dag, params={"day": "2025-11-22"})
        result.assert_failed("load", ValueError, match="bad row").assert_attempts("load", 3)
        assert result.elapsed > 7200

The runner is the one of ``dag.run()``; only time, chance and the way of values are the test's. With
pytest, fixtures bring the same and whole systems: see plugin/__init__.py. Nothing in here needs
pytest, and what needs a store is imported when it is asked for.
"""

from __future__ import annotations

from ..clock import FakeClock
from .result import DagResult, TaskResult
from .run import call_task, run_dag

__all__ = ["DagResult", "FakeClock", "TaskResult", "call_task", "run_dag"]
