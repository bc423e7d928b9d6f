"""What the end of a task or an item means for mapped tasks and their items.

``walk`` is the list of tasks and items whose end still has to be passed on, which ``Frontier``
walks; ``marks`` collects what ended as a consequence. Rules:

1.  An item starts when the item of the same index of each mapped task that it is mapped over is
    over. If one did not succeed, it is upstream_failed; if one was skipped, it is skipped. A
    trigger that follows failures decides otherwise.
2.  A mapped task is over when all its items are: failed if one failed for good, unless it collects
    failures; else cancelled if one was cancelled; else upstream_failed if a mapped task that it is
    mapped over failed; else succeeded.
3.  The first such failure cancels its items that have not started (``halted``).
4.  A mapped task ends after its items and before the mapped tasks behind it. So one whose end is
    recorded has no item that is not over, and its length can be told from what is recorded.
"""

from __future__ import annotations

from .commands import EndMap
from .expansion import Expansion
from .map_state import UNUSABLE, MapState
from .marks import Marks
from .states import TaskState
from .task_codes import (
    BLOCKED,
    CANCELLED,
    DISPATCHED,
    FAILED,
    PENDING,
    SKIPPED,
    STATE,
    SUCCEEDED,
    is_over,
)
from .triggers import Trigger, Verdict, verdict


class ItemEnds:
    """Applies the ends of tasks and items to the mapped tasks of one run."""

    def __init__(self, expansion: Expansion) -> None:
        self._grown, self._maps = expansion, expansion.maps
        self._state, self._numbering = expansion.state, expansion.numbering
        self._closing = False

    def concerns(self, task: int) -> bool:
        """Return whether a task is mapped."""
        return task in self._maps

    def upstream_over(self, task: int, source: int, walk: list[int], marks: Marks) -> None:
        """Apply the end of an upstream task to a mapped task."""
        mapped, code = self._maps[task], self._state[source]
        is_itemwise = source in mapped.itemwise
        if not is_itemwise:
            mapped.gate -= 1
        if self._state[task] != PENDING:
            return
        has_items = is_itemwise and self._maps[source].length is not None
        failed = code in (FAILED, BLOCKED) and not has_items
        if failed and self._grown.needs_no_failure(task):
            self._end_without_items(mapped, BLOCKED, walk, marks)
        elif not mapped.gate:
            self._start(mapped, walk, marks)

    def item_over(self, number: int, walk: list[int], marks: Marks) -> None:
        """Apply the end of an item to the items behind it, and to its mapped task."""
        task, index = self._numbering.split(number)
        mapped, code = self._maps[task], self._state[number]
        mapped.open -= 1
        if mapped.active is not None:
            mapped.active.discard(number)
        self._settle_behind(mapped, index, walk, marks)
        if code == FAILED and not mapped.halted and not self._spares(mapped):
            self._halt(mapped, walk, marks)
        if not mapped.open and (mapped.started or self._closing):
            self._end(mapped, walk, marks)

    def close(self, walk: list[int], marks: Marks) -> None:
        """End the mapped tasks that have no open item, after a cancel.

        From now on, the others end with their last item.
        """
        self._closing = True
        for task in self._grown.order:
            mapped = self._maps[task]
            if mapped.length is not None and self._state[task] == PENDING:
                codes = self._grown.codes(mapped)
                mapped.open = codes.count(PENDING) + codes.count(DISPATCHED)
                mapped.stop_taking()
                if not mapped.open:
                    self._end(mapped, walk, marks)

    def _spares(self, mapped: MapState) -> bool:
        """Return whether a failed item leaves the others alone."""
        return mapped.spec.collect or self._grown.is_hook(mapped.task)

    # -- starting ------------------------------------------------------------------------------

    def _start(self, mapped: MapState, walk: list[int], marks: Marks) -> None:
        """Expand a mapped task if its length is known, or end it if there is nothing to map."""
        if mapped.started:
            return
        grown, task = self._grown, mapped.task
        others = grown.others_of(mapped)
        if others is None or (TaskState.CANCELLED in others and not grown.continues(task)):
            return  # the stop that cancelled them also marks this task
        lengths = grown.lengths_of(mapped)
        if lengths is None:
            self._give_up(mapped, walk, marks)
            return
        decision = verdict(grown.trigger(task), others) if others else Verdict.RUN
        if decision is not Verdict.RUN and not mapped.itemwise:
            code = SKIPPED if decision is Verdict.SKIP else BLOCKED
            self._end_without_items(mapped, code, walk, marks)
            return
        if (problem := grown.problem_of(lengths)) is not None:
            self._state[task] = FAILED
            marks.ended.append(EndMap(task, TaskState.FAILED, UNUSABLE, problem))
            walk.append(task)
            return
        if mapped.length is None:
            grown.grow(mapped, lengths[0])
            marks.opened += lengths[0]
        mapped.started, mapped.others = True, others
        mapped.is_simple = len(mapped.itemwise) == 1 and grown.trigger(task) is Trigger.NONE_FAILED
        self._catch_up(mapped, walk, marks)
        if not mapped.open:
            self._end(mapped, walk, marks)  # before those behind it
        for follower in mapped.behind:
            if self._state[follower] == PENDING and not self._maps[follower].gate:
                self._start(self._maps[follower], walk, marks)

    def _catch_up(self, mapped: MapState, walk: list[int], marks: Marks) -> None:
        """Start or end the items whose upstream items are over already."""
        if not mapped.itemwise:
            return
        for index in range(mapped.length or 0):
            self._settle_item(mapped, index, walk, marks)

    def _give_up(self, mapped: MapState, walk: list[int], marks: Marks) -> None:
        """End a mapped task without items, if all tasks that it is mapped over are over."""
        codes = [self._state[source] for source in mapped.spec.over]
        if not all(map(is_over, codes)):
            return
        if CANCELLED in codes and not self._grown.continues(mapped.task):
            return
        spared = set(codes) <= {SUCCEEDED, SKIPPED} or self._grown.is_hook(mapped.task)
        self._end_without_items(mapped, SKIPPED if spared else BLOCKED, walk, marks)

    # -- items ---------------------------------------------------------------------------------

    def _settle_behind(self, mapped: MapState, index: int, walk: list[int], marks: Marks) -> None:
        for follower in mapped.behind:
            if self._maps[follower].started:
                self._settle_item(self._maps[follower], index, walk, marks)

    def _settle_item(self, mapped: MapState, index: int, walk: list[int], marks: Marks) -> None:
        """Start an item whose upstream items are over, or end it if it must not start.

        It may be called again for the same item: an item that is over stays so.
        """
        number = self._numbering.item(mapped.task, index)
        if self._state[number] != PENDING:
            return
        codes = [self._state[self._numbering.item(up, index)] for up in mapped.itemwise]
        failed = FAILED in codes or BLOCKED in codes
        if failed and self._grown.needs_no_failure(mapped.task):
            self._end_item(number, BLOCKED, walk, marks)
            return
        if not all(map(is_over, codes)) or self._waits_for_stop(mapped, codes):
            return
        ended = mapped.others.union(STATE[code] for code in codes)
        decision = verdict(self._grown.trigger(mapped.task), ended)
        if SKIPPED in codes and not self._grown.continues(mapped.task):
            decision = Verdict.SKIP if decision is Verdict.RUN else decision
        if decision is Verdict.RUN:
            mapped.add_ready(index)
        else:
            self._end_item(number, SKIPPED if decision is Verdict.SKIP else BLOCKED, walk, marks)

    def _waits_for_stop(self, mapped: MapState, codes: list[int]) -> bool:
        """Return whether the stop that cancelled upstream items also marks this item."""
        if CANCELLED not in codes or self._grown.continues(mapped.task):
            return False
        return not any(self._maps[source].halted for source in mapped.itemwise)

    def _end_item(self, number: int, code: int, walk: list[int], marks: Marks) -> None:
        self._state[number] = code
        marks.add(code, number)
        walk.append(number)

    def _halt(self, mapped: MapState, walk: list[int], marks: Marks) -> None:
        """Cancel the items that have not started, since one has failed for good."""
        mapped.halted = True
        mapped.stop_taking()
        quiet: list[int] = []  # with no item behind them, only the count of open ones changes
        for index, number in enumerate(self._grown.items(mapped)):
            if self._state[number] == PENDING and not mapped.behind:
                quiet.append(number)
                self._state[number] = CANCELLED
            elif self._state[number] == PENDING:
                self._end_item(number, CANCELLED, walk, marks)
            elif self._state[number] == DISPATCHED:
                marks.stopped.append(number)
            elif self._state[number] == CANCELLED:  # restored, before the failure was known
                self._settle_behind(mapped, index, walk, marks)
        marks.cancelled += quiet
        mapped.open -= len(quiet)

    # -- mapped tasks --------------------------------------------------------------------------

    def _end_without_items(
        self, mapped: MapState, code: int, walk: list[int], marks: Marks
    ) -> None:
        self._state[mapped.task] = code
        marks.add(code, mapped.task)
        walk.append(mapped.task)

    def _end(self, mapped: MapState, walk: list[int], marks: Marks) -> None:
        """End a mapped task whose items are all over."""
        if self._state[mapped.task] == PENDING:
            code = self._code_at_end(mapped)
            self._state[mapped.task] = code
            marks.ended.append(EndMap(mapped.task, STATE[code], mapped.length or 0))
            walk.append(mapped.task)

    def _code_at_end(self, mapped: MapState) -> int:
        if mapped.halted:
            return FAILED
        if CANCELLED in self._grown.codes(mapped) or (self._closing and not mapped.started):
            return CANCELLED
        blocks = any(
            self._maps[source].halted or self._state[source] in (FAILED, BLOCKED)
            for source in mapped.itemwise
        )
        return BLOCKED if blocks and self._grown.needs_no_failure(mapped.task) else SUCCEEDED
