"""What ``flowkit top`` shows, and what a key changes. It reads nothing and draws nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ...client.stall_notice import done_of
from ...core.states import RunState

if TYPE_CHECKING:
    from ...client.activity import SystemActivity
    from ...core.run_record import RunRecord

PAGE = 10  # rows by which a page key moves


class View(StrEnum):
    """What fills the screen."""

    SYSTEM = "system"
    RUN = "run"
    HELP = "help"


class Action(StrEnum):
    """What a key asks the program to do."""

    QUIT = "quit"
    CANCEL = "cancel"


def _share(run: RunRecord) -> float:
    return done_of(run.counts) / max(1, run.total)


# Name → the key by which runs are sorted, the largest first.
SORTS: dict[str, Callable[[RunRecord], Any]] = {
    "unfinished": lambda run: (run.state is RunState.RUNNING, run.submitted_ms),
    "age": lambda run: -run.submitted_ms,
    "progress": _share,
    "active": lambda run: run.counts.get("queued", 0),
    "failed": lambda run: run.counts.get("failed", 0),
    "dag": lambda run: run.dag_name,
}


@dataclass
class Model:
    """The state of the screen. ``selected``: the id of the selected run, which keeps its mark when
    the order changes. ``looking_at``: the run of the view ``RUN``. ``asks_about``: the run that is
    cancelled if the next key is y.
    """

    view: View = View.SYSTEM
    sort: str = "unfinished"
    is_reversed: bool = False
    selected: str = ""
    looking_at: str = ""
    asks_about: str = ""
    message: str = ""
    runs: list[RunRecord] = field(default_factory=list)

    def take(self, activity: SystemActivity) -> None:
        """Show another reading."""
        self.runs = list(activity.runs)
        self._order()
        if self.asks_about:
            run, self.asks_about = self.asks_about, ""
            self._ask(run)  # it may be over by now

    def press(self, key: str) -> Action | None:
        """Obey a key; return what the program has to do."""
        self.message = ""
        if self.asks_about:
            return self._answer(key)
        if self.view is View.HELP:
            self.view = View.RUN if self.looking_at else View.SYSTEM
            return Action.QUIT if key == "q" else None
        if key == "q":
            return Action.QUIT
        if key == "?":
            self.view = View.HELP
        elif key in ("c", "C"):
            self._ask(self.looking_at or self.selected)
        elif self.view is View.RUN:
            if key in ("escape", "enter"):
                self.view, self.looking_at = View.SYSTEM, ""
        else:
            self._press_in_list(key)
        return None

    def _press_in_list(self, key: str) -> None:
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -PAGE, "page down": PAGE}
        if key in steps:
            self._move(steps[key])
        elif key == "enter" and self.selected:
            self.view, self.looking_at = View.RUN, self.selected
        elif key == "s":
            names = list(SORTS)
            self.sort = names[(names.index(self.sort) + 1) % len(names)]
            self._order()
        elif key == "r":
            self.is_reversed = not self.is_reversed
            self._order()

    # -- cancelling -----------------------------------------------------------------------------

    def _ask(self, run: str) -> None:
        record = next((record for record in self.runs if record.run == run), None)
        if record is None:
            self.message = "No run is selected."
        elif record.state is not RunState.RUNNING:
            self.message = f"Run {run} is already over ({record.state.value})."
        else:
            self.asks_about = run

    def _answer(self, key: str) -> Action | None:
        if key in ("y", "Y"):
            return Action.CANCEL  # the program reads asks_about, and clears it
        self.asks_about = ""
        self.message = "Nothing was cancelled."
        return None

    # -- the list -------------------------------------------------------------------------------

    def _order(self) -> None:
        key = SORTS[self.sort]
        is_text = self.sort == "dag"
        self.runs.sort(key=key, reverse=self.is_reversed is is_text)
        if self.runs and self.selected not in self._ids():
            self.selected = self.runs[0].run

    def _move(self, step: int) -> None:
        ids = self._ids()
        if ids:
            at = ids.index(self.selected) + step
            self.selected = ids[max(0, min(at, len(ids) - 1))]

    def _ids(self) -> Sequence[str]:
        return [run.run for run in self.runs]

    def visible(self, rows: int) -> Sequence[RunRecord]:
        """Return the runs that fit into ``rows``, with the selected one among them."""
        ids = self._ids()
        at = ids.index(self.selected) if self.selected in ids else 0
        first = max(0, min(at - rows // 2, len(ids) - rows))
        return self.runs[first : first + max(0, rows)]
