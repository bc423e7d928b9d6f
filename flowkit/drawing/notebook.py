"""The display of a DAG or a run in a notebook: the drawing, and for a run a summary line.

A notebook shows it without being asked, so nothing is refused: what is too large to draw is
summarized.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ..core.display_text import escape_text
from ..exceptions import DAGError, FlowkitError
from .marks import duration_text
from .picture import Picture
from .svg import as_svg

if TYPE_CHECKING:
    from ..run_handle import RunHandle
    from ..status import RunStatus


def dag_html(picture: Picture) -> str:
    """Return a scrollable drawing, or a sentence if the DAG is too large to draw."""
    try:
        drawing = as_svg(picture)
    except DAGError as error:
        return f"<p>{_safe(str(error))}</p>"
    return f'<div style="overflow:auto;max-height:44em">{drawing}</div>'


def run_html(status: RunStatus) -> str:
    """Return a summary line of the run, and its drawing."""
    return f"<p>{_safe(run_line(status))}</p>\n{dag_html(status.picture())}"


def handle_html(handle: RunHandle) -> str:
    """Return ``run_html`` for the current state of the run, or what is wrong with the run."""
    try:
        return run_html(handle.status())
    except FlowkitError as error:
        return f"<p>{_safe(repr(handle))}: {_safe(str(error))}</p>"


def run_line(status: RunStatus) -> str:
    """Return the state of a run in one line."""
    counts = [f"{number:,} {state.replace('_', ' ')}" for state, number in status.counts.items()]
    state = "stopping" if status.stopping else status.state.value
    length = "" if status.duration is None else f" after {duration_text(status.duration)}"
    tasks = f"{status.total:,} task{'' if status.total == 1 else 's'}"
    summary = f"Run {status.run_id} of DAG {status.dag_name}: {state}{length}; {tasks}"
    return f"{summary}: {', '.join(counts)}. {status.waiting_for}".rstrip()


def _safe(text: str) -> str:
    return escape(escape_text(text))
