"""The environment variables that flowkit reads, and those that tasks' programs do not inherit.

A child process that runs tasks, of a worker or of ``dag.run(executor="process")``, removes the
secrets from its environment before it loads any function. They stay in the memory of the process,
where ``variables`` finds them: ``Client.connect()`` works inside a task, and a program that the
task starts does not get the Redis URL with its password.

Tasks in threads share the environment of their program, which is not changed.

This does not protect the secrets from the task itself: it runs in the process that has them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

LOG_MARK = "FLOWKIT_LOG_TOKEN"
"""The token that begins each JSON log line of a daemon, so that its starter can recognise them."""

_SECRET = re.compile(r"FLOWKIT_(\w*REDIS_URL|\w*(PASSWORD|SECRET|TOKEN|SIGNING_KEY)\w*)")
_withheld: dict[str, str] = {}


def variables() -> Mapping[str, str]:
    """Return the environment, with the secrets that were removed from it."""
    return {**_withheld, **os.environ} if _withheld else os.environ


def withhold_secrets() -> None:
    """Remove flowkit's secrets from the environment that programs inherit."""
    for name in filter(_SECRET.fullmatch, list(os.environ)):
        _withheld[name] = os.environ.pop(name)
