"""Makes what is shown of a run as a whole."""

from __future__ import annotations

from ..forecast import Forecast
from ..run_handle import RunHandle
from ..status import RunStatus
from ..task_details import params_preview
from .columns import RunHeader
from .make_status import status_document


class Headers:
    """The headers of one run. What does not change while it is in one state is read once."""

    def __init__(self, handle: RunHandle) -> None:
        self._handle = handle
        self._forecast = Forecast(handle)
        self._params: dict[str, object] | None = None
        self._end: tuple[float | None, str, str] = (None, "", "")

    def of(self, status: RunStatus) -> RunHeader:
        """Return the header for this status. Raises what ``RunHandle.explain`` raises."""
        if self._params is None:
            self._params = self._read_params()
        sentence, command = status.waiting_for, ""
        if status.over:
            if self._end[0] != status.finished:
                explained = self._handle.explain()
                self._end = (status.finished, explained.sentence, explained.command)
            _, sentence, command = self._end
        return RunHeader(
            status=status_document(status, [], 0, with_tasks=False),
            sentence=sentence,
            command=command,
            left=self._forecast.seconds_left(status),
            params=self._params,
        )

    def _read_params(self) -> dict[str, object]:
        handle = self._handle
        with handle.shard.run_store(handle.run_id) as store:
            preview = params_preview(store, handle.provenance, store.read_run(handle.run_id))
        value = None if preview is None else preview.value
        return {str(name): part for name, part in value.items()} if isinstance(value, dict) else {}
