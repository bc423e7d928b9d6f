"""Attempts of functions that the app of a lane does not have."""

from __future__ import annotations

from collections.abc import Collection

from flowkit.exceptions import TaskNotFoundError
from flowkit.protocol.app_functions import function_id
from flowkit.protocol.worker_store import Claim

from .attempt_events import AttemptEvents
from .prepared import NotHere


class AbsentFunctions:
    """Decides what becomes of such attempts, and logs each function once."""

    def __init__(
        self, app: str, lane: str, functions: Collection[str], events: AttemptEvents
    ) -> None:
        """``app``: named in what is said. ``functions``: ids of those that were registered."""
        self._app = app
        self._lane = lane
        self._functions = functions
        self._events = events
        self._told: set[str] = set()

    def hand_on(self, claim: Claim, name: str, ref: str) -> NotHere:
        """Return that another worker must run an attempt. Raises TaskNotFoundError if the function
        was there when the app was loaded, since others lack it too.
        """
        function = function_id(ref)
        error = TaskNotFoundError(
            f"app {self._app!r} on worker {self._lane} has no task {ref!r}. Start workers with an "
            "--app that imports the module that defines it, in the version that was submitted.",
            ref,
        )
        if function in self._functions:
            raise error
        if function not in self._told:
            self._told.add(function)
            self._events.handed_on(claim, name, str(error))
        return NotHere(claim, function)
