"""The part of an async client that changes many runs; see ``run_changes`` and ``purging``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from .client import Client
from .purging import A_DAY_S, MOST, Purge
from .run_changes import RunChange, RunChanges


class AsyncRunChanging:
    """What ``AsyncClient`` does to many runs."""

    async def _do(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    async def cancel_runs(
        self,
        state: str | None = None,
        *,
        dag: str | None = None,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        params: Mapping[str, object] | None = None,
        children: bool = False,
        everything: bool = False,
        limit: int = MOST,
        dry_run: bool = False,
    ) -> RunChanges:
        """Cancel all running runs that match. See ``Client.cancel_runs``."""
        which: dict[str, Any] = {"dag": dag, "since": since, "until": until, "text": text}
        which |= {"params": params, "children": children, "everything": everything}
        how: dict[str, Any] = {"limit": limit, "dry_run": dry_run}
        changes: RunChanges = await self._do(Client.cancel_runs, state, **which, **how)
        return changes

    async def resume_runs(
        self,
        state: str | None = None,
        *,
        dag: str | None = None,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        params: Mapping[str, object] | None = None,
        children: bool = False,
        everything: bool = False,
        limit: int = MOST,
        dry_run: bool = False,
    ) -> RunChanges:
        """Resume all failed and cancelled runs that match. See ``Client.resume_runs``."""
        which: dict[str, Any] = {"dag": dag, "since": since, "until": until, "text": text}
        which |= {"params": params, "children": children, "everything": everything}
        how: dict[str, Any] = {"limit": limit, "dry_run": dry_run}
        changes: RunChanges = await self._do(Client.resume_runs, state, **which, **how)
        return changes

    async def change_runs(self, action: str, runs: Iterable[str]) -> list[RunChange]:
        """Cancel, resume or delete the runs with these ids. See ``Client.change_runs``."""
        changes: list[RunChange] = await self._do(Client.change_runs, action, runs)
        return changes

    async def purge(
        self,
        older_than: float = A_DAY_S,
        states: str | Collection[str] | None = None,
        dag: str | None = None,
        limit: int = MOST,
        *,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        params: Mapping[str, object] | None = None,
        children: bool = True,
        dry_run: bool = False,
    ) -> Purge:
        """Delete runs that are over, before their TTL expires. See ``Client.purge``."""
        which: dict[str, Any] = {"since": since, "until": until, "text": text, "params": params}
        which |= {"children": children, "dry_run": dry_run}
        plan: Purge = await self._do(Client.purge, older_than, states, dag, limit, **which)
        return plan

    async def purge_runs(self, plan: Purge) -> int:
        """Delete the runs of a dry run. See ``Client.purge_runs``."""
        deleted: int = await self._do(Client.purge_runs, plan)
        return deleted
