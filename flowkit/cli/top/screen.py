"""Draws the screen of ``flowkit top``. Every row is one line: what does not fit is cut.

Text from outside is escaped and put into ``Text``, in which rich reads no markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...basics.display_text import escape_text
from ...client.documents.make_queues import by_waiting
from ...core.queue_info import queue_problem
from ...core.states import TaskState
from ..output import STATE_STYLES, local_time, seconds
from ..queue_rows import COLUMNS, queue_row
from .feed import Reading
from .model import Model, View
from .rows import RUN_COLUMNS, WORKER_COLUMNS, leaderless, run_row, summary, worker_row

if TYPE_CHECKING:
    from ...client.activity import SystemActivity
    from ...client.status import RunStatus, TaskStatus

KEYS = "↑↓ select · Enter look into · c cancel · s sort · r reverse · ? help · q quit"
RUN_KEYS = "Esc back · c cancel · ? help · q quit"
HELP = """\
up, down, j, k    select a run; page up and page down move by ten
Enter             look into the run: its running tasks, and what it waits for
Esc               go back to the list
c                 cancel the run; it asks before
s                 sort the runs by the next column
r                 reverse the order
?                 this help
q, Ctrl-C         quit; runs continue

WAITING      tasks in the queue that wait for a free process
OLDEST       how long the first of them has waited
PER MINUTE   attempts that ended in the last minute
MEAN         their mean duration
BUSY         processes that execute a task, of those there are
DELAYED      tasks that wait for a retry, or for a worker with their function

Press any key."""
# Tasks that are shown of a run, in this order.
_SHOWN = (TaskState.RUNNING, TaskState.WAITING, TaskState.FAILED, TaskState.QUEUED)
_LEAST_ROWS = 3  # of each table; more if the screen is high


def draw(model: Model, reading: Reading, where: str, width: int, height: int) -> RenderableType:
    """Return the screen. ``where``: the system, as the title names it."""
    activity = reading.activity
    now = "" if activity is None else f" · {local_time(activity.now)}"
    title = _line(f"flowkit top · {where}{now}", "bold")
    notice = _notice(model, reading)
    foot = _foot(model)
    if model.view is View.HELP:
        body: list[RenderableType] = [Text(HELP)]
    elif activity is None:
        body = [Text("Reading …")]
    elif model.view is View.RUN:
        body = _run_view(model, reading, width, height - 5)
    else:
        body = [_line(summary(activity)), *_system_view(model, activity, width, height - 6)]
    return Group(title, notice, *body, foot)


def _line(text: str, style: str = "") -> Text:
    return Text(escape_text(text), style, no_wrap=True, overflow="ellipsis")


def _notice(model: Model, reading: Reading) -> Text:
    """Return the line for what is most urgent."""
    if reading.trouble:
        return _line(reading.trouble, "bold red")
    if model.message:
        return _line(model.message, "yellow")
    why = "" if reading.activity is None else leaderless(reading.activity)
    return _line(why, "bold red")


def _foot(model: Model) -> Text:
    if model.asks_about:
        return _line(
            f"Cancel run {model.asks_about}? y cancels it, any other key does not.", "bold"
        )
    if model.view is View.HELP:
        return _line("")
    return _line(KEYS if model.view is View.SYSTEM else RUN_KEYS, "dim")


def _system_view(
    model: Model, activity: SystemActivity, width: int, height: int
) -> list[RenderableType]:
    queues = by_waiting(activity.queues)
    most = max(_LEAST_ROWS, height // 4)
    parts: list[RenderableType] = []
    rows = height - 3
    stuck = next(filter(None, map(queue_problem, queues)), "")
    if stuck:
        parts.append(_line(stuck, "yellow"))
        rows -= 1
    tables = (
        (COLUMNS, [queue_row(queue) for queue in queues]),
        (WORKER_COLUMNS, [worker_row(info) for info in activity.workers]),
    )
    for columns, lines in tables:
        if lines:
            parts += [_table(columns, lines[:most], width), Text("")]
            rows -= min(len(lines), most) + 2
    visible = model.visible(max(_LEAST_ROWS, rows))
    marked = next((at for at, run in enumerate(visible) if run.run == model.selected), None)
    order = f"{model.sort}{', reversed' if model.is_reversed else ''}"
    parts.append(_line(f"Runs by {order}", "dim"))
    parts.append(
        _table(RUN_COLUMNS, [run_row(run, activity.now) for run in visible], width, marked)
    )
    return parts


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, marked: int | None = None
) -> Table:
    """Return a table of one line per row that is at most ``width`` wide. ``marked``: a row."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True, overflow="ellipsis", max_width=max(8, width // 3))
    for at, row in enumerate(rows):
        cells = [Text(escape_text(cell), STATE_STYLES.get(cell, "")) for cell in row]
        table.add_row(*cells, style="reverse" if at == marked else None)
    return table


# -- one run -------------------------------------------------------------------------------------


def _run_view(model: Model, reading: Reading, width: int, height: int) -> list[RenderableType]:
    activity, status = reading.activity, reading.run
    record = next((run for run in model.runs if run.run == model.looking_at), None)
    parts: list[RenderableType] = []
    if record is not None and activity is not None:
        parts += [_table(RUN_COLUMNS, [run_row(record, activity.now)], width), Text("")]
    if reading.run_note:
        return [*parts, _line(reading.run_note)]
    if status is None or status.run_id != model.looking_at:
        return [*parts, Text("Reading …")]
    if reading.why:
        parts += [Text(escape_text(reading.why), "yellow"), Text("")]
    now = 0.0 if activity is None else activity.now
    return [*parts, *_tasks(status, now, width, max(_LEAST_ROWS, height - 8))]


def _tasks(status: RunStatus, now: float, width: int, rows: int) -> list[RenderableType]:
    tasks = [task for task in status.tasks if task.state in _SHOWN]
    tasks.sort(key=lambda task: _SHOWN.index(task.state))
    if not tasks:
        return [Text("No task is running, queued, waiting or failed.")]
    columns = ["TASK", "STATE", "ATTEMPT", "TIME", "WORKER", "PROGRESS OR ERROR"]
    shown = [_task_row(task, now) for task in tasks[:rows]]
    more = len(tasks) - len(shown)
    tail = [_line(f"… and {more} more", "dim")] if more else []
    return [_table(columns, shown, width), *tail]


def _task_row(task: TaskStatus, now: float) -> list[str]:
    length = task.duration
    if length is None and task.started is not None and task.state is TaskState.RUNNING:
        length = max(0.0, now - task.started)
    report = str(task.progress or "") or (task.error or "").split("\n", 1)[0]
    return [
        task.name,
        task.state.value,
        str(task.attempt or ""),
        seconds(length),
        task.worker,
        report,
    ]
