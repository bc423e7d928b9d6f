"""The part of an async client that submits runs again; see ``submitting_again``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from .async_handle import AsyncRunHandle
from .client import Client
from .run_form import RunForm
from .run_handle import RunHandle
from .submitting_again import Texts


class AsyncSubmittingAgain:
    """The part of ``AsyncClient`` that submits the graph of a run again."""

    async def _do(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _handle(self, handle: RunHandle) -> AsyncRunHandle:
        raise NotImplementedError

    async def submit_again(
        self,
        run_id: str,
        params: Mapping[str, object] | None = None,
        *,
        without: Collection[str] = (),
        new_id: str | None = None,
        ttl: int | None = None,
    ) -> AsyncRunHandle:
        """Submit a new run of the DAG of another run. See ``Client.submit_again``."""
        options: dict[str, Any] = {"without": without, "new_id": new_id, "ttl": ttl}
        return self._handle(await self._do(Client.submit_again, run_id, params, **options))

    async def run_form(self, run_id: str) -> RunForm:
        """Return what a run can be given when it is submitted again. See ``Client.run_form``."""
        form: RunForm = await self._do(Client.run_form, run_id)
        return form

    async def dag_form(self, dag: str) -> RunForm:
        """Return what a DAG can be given. See ``Client.dag_form``."""
        form: RunForm = await self._do(Client.dag_form, dag)
        return form

    async def params_from_text(self, run_id: str, texts: Texts) -> dict[str, object]:
        """Return values for ``submit_again``. See ``Client.params_from_text``."""
        values: dict[str, object] = await self._do(Client.params_from_text, run_id, texts)
        return values
