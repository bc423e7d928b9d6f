"""The part of a run handle that exports a run.

An export uses the documents, and those use everything that the client reads: it lies far above a
handle. So the module that exports is found by its name when the first run is exported. It gets the
handle by a Protocol, and imports neither handles nor clients.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

EXPORTING = "flowkit.client.exporting"


class RunExport:
    """What ``RunHandle`` does with a run as a file."""

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        previews: bool = True,
        as_json: bool = False,
    ) -> Path:
        """Write a recording of the run to a file, and return its path.

        The file is the page of the run: its graph, timeline, tasks, attempts, logs and history. It
        opens in a browser without flowkit and without a network. A run that is not over is recorded
        as it is now. An existing file is replaced; a new one is for its owner alone (mode 0600).

        ``previews``: with parameters, arguments and results, as far as they are small; False leaves
        them out. ``as_json``: the data alone, the document ``flowkit/recording/1``. What matches
        the setting ``log_redact`` is hidden. Large parts are cut, and the page says so.

        Raises RunNotFound, RunLost, RunDamaged, TypeError for arguments of another type, and
        FlowkitError if the file cannot be written.
        """
        export_run: Callable[..., Path] = import_module(EXPORTING).export_run
        return export_run(self, path, previews=previews, as_json=as_json)


class AsyncRunExport:
    """What ``AsyncRunHandle`` does with a run as a file."""

    _handle: Any  # a RunHandle, which imports this module
    _call: Callable[..., Awaitable[Any]]

    async def export(
        self, path: str | os.PathLike[str], *, previews: bool = True, as_json: bool = False
    ) -> Path:
        """Write a recording of the run to a file. See ``RunHandle.export``."""
        how = {"previews": previews, "as_json": as_json}
        written: Path = await self._call(RunExport.export, self._handle, path, **how)
        return written
