"""What a lane tells about outcomes that did not arrive as they were sent."""

from __future__ import annotations

from flowkit.basics.shorten import shorten
from flowkit.events.attempts import OutcomeStale
from flowkit.events.event import Listener
from flowkit.events.tasks import TaskFailed
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import ErrorInfo


class LaneReports:
    """Creates the events of one child's lanes about their outcomes."""

    def __init__(self, listener: Listener, lane: str) -> None:
        self._listener = listener
        self._lane = lane

    def stale(self, key: str) -> None:
        """An outcome came too late and was dropped. ``key``: ``run,task``."""
        run, _, task = key.partition(",")
        self._listener.hear(OutcomeStale(run_id=run, task=task, worker=self._lane))

    def refused(self, outcome: Outcome) -> None:
        """An outcome was too large for the server; this one was sent in its place."""
        info = ErrorInfo.unpack(outcome.payload)
        self._listener.hear(
            TaskFailed(
                task_name=f"number {outcome.task} of run {outcome.run}",
                run_id=outcome.run,
                worker=self._lane,
                error_type=info.type,
                error_message=shorten(info.message),
            )
        )
