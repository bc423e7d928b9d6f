"""Tasks that print and log."""

from __future__ import annotations

import asyncio
import logging
import sys

from flowkit import current_attempt, task
from flowkit.state import StateManager

log = logging.getLogger("talking")


@task(retries=1, delay=0)
def talks(*values: object) -> int:
    attempt = current_attempt().attempt
    print("try", attempt)
    log.info("try %d", attempt, extra={"rows": attempt})
    log.debug("too fine for the app")
    sys.stderr.write("without an end")
    if attempt == 1:
        raise OSError("again")
    return attempt


@task
async def talks_async(word: str, times: int = 3) -> None:
    for number in range(times):
        sys.stdout.write(f"{word} ")
        await asyncio.sleep(0)
        print(number)


@task
def warns_of_flowkit(path: str) -> None:
    """Make flowkit itself log something within the task."""
    StateManager(path)
    print("warned")
