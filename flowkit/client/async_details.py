"""The part of an async client that reads of one run within bounds; see ``run_details``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .attempt_parts import AttemptPart
from .client import Client
from .log_parts import LogPart
from .previews import Preview
from .task_details import TaskDetails


class AsyncRunDetails:
    """What ``AsyncClient`` reads of a run in parts and within bounds."""

    async def _do(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    async def task_details(self, run_id: str, task: str) -> TaskDetails:
        """Return all details of a task or an item. See ``Client.task_details``."""
        details: TaskDetails = await self._do(Client.task_details, run_id, task)
        return details

    async def preview(self, run_id: str, task: str, *, whole: bool = False) -> Preview | None:
        """Return the result of a task or an item as JSON values. See ``Client.preview``."""
        preview: Preview | None = await self._do(Client.preview, run_id, task, whole=whole)
        return preview

    async def attempt_part(
        self, run_id: str, *, cursor: str = "", limit: int = 1000
    ) -> AttemptPart:
        """Return the next attempts that others replaced. See ``Client.attempt_part``."""
        which = {"cursor": cursor, "limit": limit}
        part: AttemptPart = await self._do(Client.attempt_part, run_id, **which)
        return part

    async def log_part(
        self,
        run_id: str,
        task: str | None = None,
        attempt: int | None = None,
        *,
        level: int | str | None = None,
        since: float | None = None,
        cursor: str = "",
        limit: int = 500,
    ) -> LogPart:
        """Return the next lines that the tasks printed and logged. See ``Client.log_part``."""
        which = {"level": level, "since": since, "cursor": cursor, "limit": limit}
        part: LogPart = await self._do(Client.log_part, run_id, task, attempt, **which)
        return part
