"""Running daemons under hostile data: real processes, a real Redis, and a neighbour who writes.

    python -m tests.hostile [--seconds 3600] [--seed N] [--only KIND] [--skip KIND]

An attacker writes into every key that daemons and clients read, while honest runs continue. No
process of ours may end, events must be consumed, memory and logs stay bounded, and the honest
runs must end as they should. ``kinds`` says what each kind of attack may do to them; ``watch``
has the rules. Every action is drawn from the seed and noted in a file that can be replayed.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
# The tools of the other tests, and the app that workers load, stand under their plain names.
for _folder in (HERE / "apps", HERE.parent):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
