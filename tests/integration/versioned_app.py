"""An app whose tasks say which version they are, and change with it: see VERSIONED."""

from __future__ import annotations

import os
import time

from flowkit import task

VERSIONED = os.environ.get("VERSIONED", "")


@task
def says(seconds: float = 0.02) -> str:
    time.sleep(seconds)
    return VERSIONED


@task(retries=3, delay=0.1)
def fails_first() -> str:
    from flowkit import current_attempt

    if current_attempt().attempt == 1:
        raise ValueError("again")
    return VERSIONED


if VERSIONED == "new":

    @task
    def takes(*, count: int) -> int:
        return count

else:

    @task
    def takes(*, number: int) -> int:
        return number
