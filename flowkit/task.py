"""The public path of tasks; the code is in ``flowkit.definition.task``."""

from __future__ import annotations

from .definition.task import Task, task

__all__ = ["Task", "task"]
