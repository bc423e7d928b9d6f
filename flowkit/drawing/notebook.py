"""The display of a DAG in a notebook: its drawing.

A notebook shows it without being asked, so nothing is refused: what is too large to draw is
summarized.
"""

from __future__ import annotations

from html import escape

from ..basics.display_text import escape_text
from ..exceptions import DAGError
from .picture import Picture
from .svg import as_svg


def dag_html(picture: Picture) -> str:
    """Return a scrollable drawing, or a sentence if the DAG is too large to draw."""
    try:
        drawing = as_svg(picture)
    except DAGError as error:
        return f"<p>{safe_html(str(error))}</p>"
    return f'<div style="overflow:auto;max-height:44em">{drawing}</div>'


def safe_html(text: str) -> str:
    """Return text that is neither markup nor steers a terminal."""
    return escape(escape_text(text))
