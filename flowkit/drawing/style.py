"""The look of states in every kind of drawing, and the style sheet of the SVG.

A state has three colours: a strong one that is readable on white, a strong one that is readable on
black, and a pale one for a background under dark text. Colour is never the only sign of a state:
its name is written beside it, and the SVG shows an icon.

The style sheet contains colours and no variables, because several SVG viewers do not support them.
Every rule is limited to the drawing's own class, since a notebook shows many drawings in one page.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..core.states import TaskState


@dataclass(frozen=True, slots=True)
class Look:
    """``on_light`` and ``on_dark`` are strong colours, ``pale`` is a background for dark text.

    ``sign``: an SVG path within a circle of radius 6 around the origin. ``solid``: whether that
    circle is filled; it is when the task is over or executing.
    """

    on_light: str
    on_dark: str
    pale: str
    sign: str = ""
    solid: bool = True


LOOKS = {
    TaskState.PENDING: Look("#706f68", "#96958d", "#f1f0ec", solid=False),
    TaskState.QUEUED: Look("#0b7272", "#35b3b0", "#def3f2", "M0-3V0l2.2 1.6", solid=False),
    TaskState.RUNNING: Look("#2166c9", "#5b9df0", "#e2edfb", "M-1.7-3 3 0-1.7 3z"),
    TaskState.WAITING: Look("#8a4fc4", "#b98be6", "#f1e8fa", "M0-3V0l2.2 1.6", solid=False),
    TaskState.SUCCEEDED: Look("#177344", "#3aa870", "#e1f4e9", "M-2.7 .2-.8 2.2 2.8-2"),
    TaskState.FAILED: Look("#c9342c", "#ee6a60", "#fde8e6", "M-2.1-2.1 2.1 2.1M2.1-2.1-2.1 2.1"),
    TaskState.SKIPPED: Look("#706f68", "#96958d", "#f1f0ec", "M-2.6-2.2 0 0-2.6 2.2M1.8-2.2V2.2"),
    TaskState.UPSTREAM_FAILED: Look("#a3520f", "#e0934a", "#fbecdd", "M-2.4 0H2.4", solid=False),
    TaskState.CANCELLED: Look("#87690a", "#cda93a", "#f8f1d9", "M-2.3-2.3H2.3V2.3H-2.3z"),
}

INK, MUTED, LINE, CARD, PAGE = "#1b1b19", "#66655e", "#a9a79d", "#ffffff", "#faf9f6"
_DARK_INK, _DARK_MUTED, _DARK_LINE, _DARK_CARD, _DARK_PAGE = (
    "#f1f0ea",
    "#a5a39a",
    "#63625b",
    "#232321",
    "#181817",
)
_SANS = 'system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif'
_MONO = 'ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace'
_CYCLE, _DARK_CYCLE = LOOKS[TaskState.FAILED].on_light, LOOKS[TaskState.FAILED].on_dark

_FIXED = f"""\
.flowkit{{font-family:{_SANS};font-size:11.5px}}
.flowkit .name{{font-family:{_MONO};font-size:12.5px}}
.flowkit .title{{font-size:15px;font-weight:600}}
.flowkit .box,.flowkit .plain .front{{stroke-width:1.2}}
.flowkit .front{{stroke-width:0}}
.flowkit .edges path{{fill:none;stroke-width:1.4;stroke-linecap:round}}
.flowkit .edges path:hover{{stroke-width:3}}
.flowkit .edges .order{{stroke-width:1;stroke-dasharray:1 4}}
.flowkit .edges .back{{stroke-dasharray:5 4}}
.flowkit .tint{{fill-opacity:.09;stroke-width:1.2}}
.flowkit .ring{{stroke-width:1.5}}
.flowkit .sign{{fill:none;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}}
.flowkit .skipped .tint,.flowkit .pending .tint{{stroke-dasharray:4 3;fill-opacity:.04}}
.flowkit .plain:hover .front,.flowkit .node:hover .tint{{stroke-width:2.4}}"""


def style_sheet(states: set[TaskState], items: Collection[TaskState] = ()) -> str:
    """Return the rules for a drawing with these states. ``items``: of items of mapped tasks."""
    order = [state for state in TaskState if state in states]
    light = _scheme((INK, MUTED, LINE, CARD, PAGE, _CYCLE))
    dark = _scheme((_DARK_INK, _DARK_MUTED, _DARK_LINE, _DARK_CARD, _DARK_PAGE, _DARK_CYCLE))
    light += [_state_rules(state, LOOKS[state].on_light, CARD) for state in order]
    dark += [_state_rules(state, LOOKS[state].on_dark, _DARK_CARD) for state in order]
    bars = [state for state in TaskState if state in items]
    light += [f".flowkit .bar.{at.value}{{fill:{LOOKS[at].on_light}}}" for at in bars]
    dark += [f".flowkit .bar.{at.value}{{fill:{LOOKS[at].on_dark}}}" for at in bars]
    inner = "\n".join(dark)
    return "\n".join([_FIXED, *light, f"@media (prefers-color-scheme:dark){{\n{inner}\n}}"])


def _scheme(colors: tuple[str, ...]) -> list[str]:
    ink, muted, line, card, page, cycle = colors
    return [
        f".flowkit .page{{fill:{page}}}.flowkit text{{fill:{ink}}}.flowkit .muted{{fill:{muted}}}",
        f".flowkit .box{{fill:{card};stroke:{line}}}.flowkit .edges path{{stroke:{line}}}",
        f".flowkit .heads path{{fill:{line}}}.flowkit .edges .back{{stroke:{cycle}}}",
        f".flowkit .heads .back{{fill:{cycle}}}",
    ]


def _state_rules(state: TaskState, color: str, card: str) -> str:
    at = f".flowkit .{state.value}"
    inside, sign = (color, card) if LOOKS[state].solid else (card, color)
    return (
        f"{at} .tint{{fill:{color};stroke:{color}}}{at} .ring{{fill:{inside};stroke:{color}}}"
        f"{at} .sign{{stroke:{sign}}}{at} .said{{fill:{color}}}"
    )
