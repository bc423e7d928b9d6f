"""Refusing to run a DAG while the module that defines it is being imported.

``flowkit run``, every process of a worker and every child of the process executor import the module
to get its tasks. If the module ran or submitted its DAG during the import, each of them would
repeat the whole run, wait for workers that do not exist yet, or start another process that imports
the module.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..exceptions import DAGError

# The name of a child process of ``executor="process"``, and its exit code if its script runs a DAG.
CHILD_NAME = "flowkit-child-"
EXIT_UNGUARDED = 78

_GUARD = "Put the lines that start it under `if __name__ == '__main__':`."
_apps: list[str] = []  # those being imported, the outermost first


@contextmanager
def importing_app(name: str) -> Iterator[None]:
    """Refuse every run within a ``with`` block, in all threads: an app may start threads."""
    _apps.append(name)
    try:
        yield
    finally:
        _apps.remove(name)


def refuse_while_imported(what: str) -> None:
    """Raise DAGError if an app, or the script of a child process, is being imported.

    A child of the process executor ends with an exit code instead, and its parent raises a better
    error (local/processes/pool.py).
    """
    if _apps:
        raise DAGError(
            f"{what} is started while {_apps[0]} is only being imported, which every process of a "
            f"system does. {_GUARD}"
        )
    process = sys.modules.get("multiprocessing.process")
    if process is None or not getattr(process.current_process(), "_inheriting", False):
        return
    if process.current_process().name.startswith(CHILD_NAME):
        os._exit(EXIT_UNGUARDED)
    raise DAGError(f"{what} is started while a child process only imports the script. {_GUARD}")


def refuse_run_while_imported(dag_name: str) -> None:
    """Raise DAGError for a run of a DAG, under the same conditions."""
    refuse_while_imported(f"A run of DAG {dag_name!r}")
