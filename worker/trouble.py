"""What a lane does about a Redis that answers with errors: it says so, waits a moment, tries again.

A key under one of flowkit's names may hold anything, and a script that meets it fails. A lane that
ended for it would take its process with it, and so would the next one. Outages are not handled
here: the link waits for their end, unless the lane is winding up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from ..exceptions import RedisUnavailable, StoreError
from ..outage import OutageLog

PAUSE_S = 1.0
Result = TypeVar("Result")


class Trouble:
    """The troubles of one lane; any thread of it."""

    def __init__(self, outages: OutageLog, on_error: Callable[[BaseException], None]) -> None:
        """``outages`` hears of errors that may pass. ``on_error``: of one that ends the lane, such
        as a lost lease: what the lane does is void from then on.
        """
        self._outages = outages
        self._is_on = False
        self.on_error = on_error
        self.draining = threading.Event()  # whether the lane is winding up

    def outlast(self, call: Callable[[], Result]) -> Result:
        """Return what ``call`` returns, and try again for as long as Redis answers with errors.

        Raises RedisUnavailable, and the last error if the lane is winding up.
        """
        while True:
            try:
                result = call()
            except RedisUnavailable:
                raise
            except (StoreError, MemoryError) as error:
                if self.draining.is_set():
                    raise
                self._is_on = True
                self._outages.away(error if str(error) else MemoryError("memory does not suffice"))
                self.draining.wait(PAUSE_S)
            else:
                if self._is_on:
                    self._is_on = False
                    self._outages.back()
                return result
