"""An app that has none of the tasks that the tests submit."""

from __future__ import annotations

from flowkit import task


@task
def unrelated() -> None:
    """Be there, so that the app has something to work on."""
