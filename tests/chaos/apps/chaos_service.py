"""What the apps of ``services.py`` have in common: a task notes which app has run it."""

from __future__ import annotations

import time

from chaos_app import FOLDER, Execution, append


def work(app: str, function: str, values: tuple[object, ...], ms: float) -> str:
    """Take a while, and note ``RUN FUNCTION APP`` in the file ``ran``."""
    this = Execution(values)
    append(f"{this.one.run_id} {function} {app}\n", FOLDER / "ran")
    time.sleep(ms / 1000)
    return this.end()
