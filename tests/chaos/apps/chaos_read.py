"""Reads a run, all runs and all workers with whatever release of flowkit is imported here.

python chaos_read.py RUN_ID

The last line that it prints is the state of the run.
"""

from __future__ import annotations

import sys

from flowkit import Client

if __name__ == "__main__":
    with Client.connect() as client:
        handle = client.run(sys.argv[1])
        print(handle.status())
        print(len(handle.results(lenient=True)), len(client.runs()), len(client.workers()))
        print(handle.record().state.value)
