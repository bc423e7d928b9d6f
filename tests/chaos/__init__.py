"""Chaos: real processes on a real Redis, broken on purpose, and what happened held against records.

    python -m tests.chaos [SCENARIO…] [--seed N] [--full] [--json]

Every scenario is a promise: it says what is done to the system and what may come of it. The tasks
append to a file outside Redis when they begin and when they end; ``checker`` compares that history
with what Redis says in the end. Faults are drawn from a seed, which is printed with the command
that draws the same ones again. Only the order of faults is repeatable: processes race as they like.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
# The tools of the other tests, and the app that workers load, stand under their plain names.
for _folder in (HERE / "apps", HERE.parent):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
