"""Submits a run with whatever release of flowkit is imported here.

python chaos_submit.py RUN_ID TASKS SEED MS SHARE_THAT_PRINTS
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import dags

from flowkit import Client

if __name__ == "__main__":
    run_id, tasks, seed, ms, share = sys.argv[1:]
    dag = dags.layered(int(tasks), int(seed), ms=float(ms), share_printing=float(share))
    with Client.connect() as client:
        client.submit(dag, run_id=run_id)
