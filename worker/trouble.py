"""How a lane handles a Redis that answers with errors: it logs the error, waits and retries.

A key with one of flowkit's names may hold any value, and a script that reads it fails. If that
ended the lane, it would end the process too, and then the next process. This module does not
handle outages: the link waits for them to end, unless the lane is draining.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from flowkit.daemon.outage import OutageLog
from flowkit.exceptions import RedisUnavailable, StoreError

PAUSE_S = 1.0
Result = TypeVar("Result")


class Trouble:
    """Retries the calls of one lane. Any thread of the lane may use it."""

    def __init__(self, outages: OutageLog, on_error: Callable[[BaseException], None]) -> None:
        """``outages`` logs errors that may pass. ``on_error`` gets an error that ends the lane,
        such as a lost lease: nothing that the lane does afterwards has an effect.
        """
        self._outages = outages
        self._is_on = False
        self.on_error = on_error
        self.draining = threading.Event()  # whether the lane is draining

    def outlast(self, call: Callable[[], Result]) -> Result:
        """Return what ``call`` returns; retry it as long as Redis answers with errors.

        Raises RedisUnavailable, and the last error if the lane is draining.
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
                self._outages.away(error if str(error) else MemoryError("not enough memory"))
                self.draining.wait(PAUSE_S)
            else:
                if self._is_on:
                    self._is_on = False
                    self._outages.back()
                return result
