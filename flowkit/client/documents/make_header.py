"""Makes what is shown of a run as a whole."""

from __future__ import annotations

from ...clock import Clock, SystemClock
from ..forecast import Forecast
from ..run_handle import RunHandle
from ..status import RunStatus
from ..task_details import params_preview
from .columns import RunHeader
from .make_status import status_document
from .make_why import why_document
from .why import Why

WHY_S = 5.0  # between two explanations of a run that is not over, at least
SHARE = 20.0  # and so many times as long as one takes


class Headers:
    """The headers of one run. What does not change while it is in one state is read once.

    A run that is not over is explained again from time to time: a cause may change although the
    record of the run stays as it is, for example when the last worker ends.
    """

    def __init__(self, handle: RunHandle, clock: Clock | None = None) -> None:
        self._handle = handle
        self._clock = clock or SystemClock()
        self._forecast = Forecast(handle)
        self._params: dict[str, object] | None = None
        self._why: Why | None = None
        self._about: object = None
        self._due = 0.0

    @property
    def is_old(self) -> bool:
        """Whether the explanation should be read again, also of a run that seems unchanged."""
        return self._why is not None and not self._why.over and self._clock.monotonic() >= self._due

    def of(self, status: RunStatus) -> RunHeader:
        """Return the header for this status. Raises what ``RunHandle.explain`` raises."""
        if self._params is None:
            self._params = self._read_params()
        return RunHeader(
            status=status_document(status, [], 0, with_tasks=False),
            why=self._explained(status),
            left=self._forecast.seconds_left(status),
            params=self._params,
        )

    def _explained(self, status: RunStatus) -> Why:
        about = (status.finished, status.stopping, status.waiting_for == "")
        began = self._clock.monotonic()
        if self._why is None or about != self._about or (not status.over and began >= self._due):
            self._why, self._about = why_document(self._handle.explain()), about
            now = self._clock.monotonic()
            self._due = now + max(WHY_S, SHARE * (now - began))
        return self._why

    def _read_params(self) -> dict[str, object]:
        handle = self._handle
        with handle.shard.run_store(handle.run_id) as store:
            preview = params_preview(store, handle.provenance, store.read_run(handle.run_id))
        value = None if preview is None else preview.value
        return {str(name): part for name, part in value.items()} if isinstance(value, dict) else {}
