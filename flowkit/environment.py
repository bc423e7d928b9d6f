"""The variables that flowkit reads, and those that programs started by tasks do not inherit.

A child that runs tasks, of a worker or of ``dag.run(executor="process")``, takes the secrets out of
its environment before it loads any function. They stay in the memory of that process, where
``variables`` finds them: a ``Client.connect()`` inside a task works, and a program that the task
starts does not get the address of Redis with its password.

In threads tasks share the environment of the program that runs them, which is left as it is.

This is no wall against the task itself: it runs in the process that holds the connection.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

LOG_MARK = "FLOWKIT_LOG_TOKEN"
"""What a daemon begins each JSON log line with, so that whoever started it knows them again."""

_SECRET = re.compile(r"FLOWKIT_(REDIS_URL|\w*(PASSWORD|SECRET|TOKEN|SIGNING_KEY)\w*)")
_withheld: dict[str, str] = {}


def variables() -> Mapping[str, str]:
    """Return the environment, and what was withheld from it."""
    return {**_withheld, **os.environ} if _withheld else os.environ


def withhold_secrets() -> None:
    """Take flowkit's secrets out of the environment that programs inherit."""
    for name in filter(_SECRET.fullmatch, list(os.environ)):
        _withheld[name] = os.environ.pop(name)
