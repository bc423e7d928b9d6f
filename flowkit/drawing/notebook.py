"""What a notebook shows of a DAG or a run: the drawing, and for a run a line that sums it up.

A notebook asks for it unasked, so it refuses nothing: what is too large to be drawn is summed up.
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
    """Return a scrollable drawing, or a sentence about a DAG that is too large for one."""
    try:
        drawing = as_svg(picture)
    except DAGError as error:
        return f"<p>{_safe(str(error))}</p>"
    return f'<div style="overflow:auto;max-height:44em">{drawing}</div>'


def run_html(status: RunStatus) -> str:
    """Return a line that sums the run up, and its drawing."""
    return f"<p>{_safe(run_line(status))}</p>\n{dag_html(status.picture())}"


def handle_html(handle: RunHandle) -> str:
    """Return what ``run_html`` does of the run as it stands now, or what is wrong with it."""
    try:
        return run_html(handle.status())
    except FlowkitError as error:
        return f"<p>{_safe(repr(handle))}: {_safe(str(error))}</p>"


def run_line(status: RunStatus) -> str:
    """Return how a run stands, in one line."""
    counts = [f"{number:,} {state.replace('_', ' ')}" for state, number in status.counts.items()]
    state = "stopping" if status.stopping else status.state.value
    length = "" if status.duration is None else f" after {duration_text(status.duration)}"
    tasks = f"{status.total:,} task{'' if status.total == 1 else 's'}"
    told = f"Run {status.run_id} of DAG {status.dag_name}: {state}{length}; {tasks}"
    return f"{told}: {', '.join(counts)}. {status.waiting_for}".rstrip()


def _safe(text: str) -> str:
    return escape(escape_text(text))
