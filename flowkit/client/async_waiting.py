"""Waiting for many runs in an asyncio program."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ..arguments import check_timeout
from ..core.states import RunState
from ..exceptions import WaitTimeout
from .async_handle import AsyncRunHandle


async def wait_all(runs: Sequence[AsyncRunHandle], timeout: float | None) -> list[RunState]:
    """Wait until all of these runs have ended. See ``AsyncClient.wait_all``."""
    timeout = check_timeout(timeout)
    waits = [asyncio.ensure_future(run._wait_for_end(timeout, tell_why=False)) for run in runs]
    try:
        return list(await asyncio.gather(*waits))
    except WaitTimeout as error:
        left = sum(1 for wait in waits if not (wait.done() and not _failed(wait)))
        reason = await next(run for run in runs if run.run_id == error.run_id)._why()
        text = (
            f"{left} of {len(runs)} runs had not ended after {timeout or 0.0:g} s; they continue. "
            f"One of them is {error.run_id!r}"
        )
        raise WaitTimeout(error.run_id, f"{text}. {reason}" if reason else text) from None
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def _failed(wait: asyncio.Future[Any]) -> bool:
    return wait.cancelled() or wait.exception() is not None
