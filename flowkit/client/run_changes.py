"""``client.cancel_runs``, ``resume_runs``, ``change_runs``: the same done to many runs.

The runs are chosen first, so that a command or a page can show what will be done. Then each is
changed by itself, as its handle does it: a run that refuses does not stop the others, and what
happened to a run since the choice decides. A call changes no run that it has not chosen, or that it
was not given, so runs that are submitted meanwhile are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ..arguments import check_limit
from ..basics.suggestions import unknown_name
from ..codec.provenance import Provenance
from ..core.called_run import MOST_DEPTH
from ..core.run_record import RunRecord
from ..core.states import RunState
from ..exceptions import RunAlreadyOver, RunError, RunNotFound, RunNotOver
from ..protocol.client_store import ClientStore
from ..protocol.listings import Listing
from .caller import caller
from .families import delete_family, resume_family
from .filter_checks import check_run_state
from .placement import shard_with
from .run_ids import check_run_id
from .run_search import RunQuery, count_matching, cursor_of, query_of, search_runs
from .shard import ShardConnection

MOST = 10_000
PART = 2_000  # runs that are read before the connection is free for others


class Action(StrEnum):
    """What is done to many runs."""

    CANCEL = "cancel"
    RESUME = "resume"
    DELETE = "delete"


class Outcome(StrEnum):
    """What a run has become.

    ``OVER``: nothing was left to do. ``MISSING``: there is no such run, or no longer. ``REFUSED``:
    its state does not allow it, or its data cannot be read.
    """

    CANCELLED = "cancelled"
    RESUMED = "resumed"
    DELETED = "deleted"
    OVER = "over"
    MISSING = "missing"
    REFUSED = "refused"


DONE = {
    Action.CANCEL: Outcome.CANCELLED,
    Action.RESUME: Outcome.RESUMED,
    Action.DELETE: Outcome.DELETED,
}
# In which states a run can be changed so.
STATES = {
    Action.CANCEL: (RunState.RUNNING,),
    Action.RESUME: (RunState.FAILED, RunState.CANCELLED),
}


@dataclass(frozen=True, slots=True)
class RunChange:
    """What became of one run. ``reason``: why it was not changed, "" if it was."""

    run_id: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunChanges:
    """What a call has done to many runs, or would do.

    ``runs``: those that match, as they were when they were chosen, the newest first. ``matching``:
    how many match without the limit, None if that is not known. ``more``: whether more match than
    the limit allows. ``cut_short``: whether there are older runs that were not searched.
    ``changes``: what became of each, in their order; empty for a dry run.
    """

    runs: list[RunRecord]
    matching: int | None = None
    more: bool = False
    cut_short: bool = False
    changes: list[RunChange] = field(default_factory=list)

    @property
    def left(self) -> int | None:
        """How many runs match beyond the limit, None if that is not known."""
        return None if self.matching is None else self.matching - len(self.runs)


class RunChanging:
    """The part of ``Client`` that changes many runs of all ``shards``."""

    shards: tuple[ShardConnection, ...]
    provenance: Provenance

    def cancel_runs(
        self,
        state: str | None = None,
        *,
        dag: str | None = None,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        params: Mapping[str, object] | None = None,
        children: bool = False,
        everything: bool = False,
        limit: int = MOST,
        dry_run: bool = False,
    ) -> RunChanges:
        """Cancel all running runs that match. See ``RunHandle.cancel`` for what this means.

        The filters are those of ``runs``. At least one of them is needed, or ``everything=True``
        for all runs. ``state`` can only be ``running``. Runs that are being cancelled are left out,
        and so are runs that tasks have called: they are cancelled with the run of that task.
        ``children``: true to match them, too. ``limit``: how many runs at most, the newest first.
        ``dry_run``: change nothing, and return what would be changed; ``change_runs`` then changes
        exactly these runs.

        Raises TypeError, ValueError for invalid arguments, and RedisUnavailable; what was changed
        before stays changed, and the call can be repeated.
        """
        states = _states(Action.CANCEL, state)
        query = query_of(states, dag, since, until, text, params, children=children)
        _check_narrow(query, state, everything=everything)
        return self._change(Action.CANCEL, query, limit, dry_run=dry_run)

    def resume_runs(
        self,
        state: str | None = None,
        *,
        dag: str | None = None,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        params: Mapping[str, object] | None = None,
        children: bool = False,
        everything: bool = False,
        limit: int = MOST,
        dry_run: bool = False,
    ) -> RunChanges:
        """Resume all failed and cancelled runs that match. See ``RunHandle.resume``.

        ``state``: only ``failed`` or only ``cancelled`` runs. A run that a task has called is
        resumed with the run of that task. Runs that succeeded with failed items are left out. The
        other arguments, the result and the errors are those of ``cancel_runs``.
        """
        states = _states(Action.RESUME, state)
        query = query_of(states, dag, since, until, text, params, children=children)
        _check_narrow(query, state, everything=everything)
        return self._change(Action.RESUME, query, limit, dry_run=dry_run)

    def change_runs(self, action: str, runs: Iterable[str]) -> list[RunChange]:
        """Cancel, resume or delete the runs with these ids; return what became of each.

        ``action``: ``cancel``, ``resume`` or ``delete``. Not every run can be changed so: one that
        is over cannot be cancelled, one that is running cannot be deleted. Its ``outcome`` and
        ``reason`` say this, and the others are changed nevertheless. Each run is changed once.

        Raises TypeError, ValueError for invalid arguments, before any run is changed, and
        RedisUnavailable; what was changed before stays changed, and the call can be repeated.
        """
        actions = [known.value for known in Action]
        if not isinstance(action, str) or action not in actions:
            raise ValueError(unknown_name("action", action, actions))
        if isinstance(runs, str) or not isinstance(runs, Iterable):
            raise TypeError(f"runs must be a list of run ids, not {runs!r:.100}.")
        chosen = [check_run_id(run_id) for run_id in runs]
        resumed: set[str] = set()
        return [
            self._change_one(Action(action), run_id, resumed) for run_id in dict.fromkeys(chosen)
        ]

    def _change(self, action: Action, query: RunQuery, limit: int, *, dry_run: bool) -> RunChanges:
        query = replace(query, cancelling=action is not Action.CANCEL)
        runs = self._choose(query, check_limit(limit))
        matching = count_matching(self.shards, query, runs)
        changes = [] if dry_run else self.change_runs(action, [record.run for record in runs])
        return RunChanges(list(runs), matching, runs.more, runs.cut_short, changes)

    def _choose(self, query: RunQuery, limit: int) -> Listing[RunRecord]:
        runs: Listing[RunRecord] = Listing()
        while True:
            part = search_runs(self.shards, min(PART, limit - len(runs)), query, self.provenance)
            runs.take(part)
            runs.more = part.more
            if not part.more or part.cut_short or len(runs) == limit:
                return runs
            query = replace(query, before=cursor_of(part.next))

    def _change_one(self, action: Action, run_id: str, resumed: set[str]) -> RunChange:
        """Change one run. ``resumed``: the highest runs that were resumed before."""
        try:
            with shard_with(self.shards, run_id).run_store(run_id) as store:
                if action is Action.CANCEL:
                    store.cancel(run_id, caller())
                elif action is Action.RESUME:
                    _resume(store, run_id, resumed)
                elif not delete_family(store, run_id):
                    raise RunNotFound(run_id)
        except RunNotFound as error:
            return RunChange(run_id, Outcome.MISSING, str(error))
        except RunAlreadyOver as error:
            return RunChange(run_id, Outcome.OVER, str(error))
        except RunError as error:
            return RunChange(run_id, Outcome.REFUSED, str(error))
        return RunChange(run_id, DONE[action])


def _states(action: Action, state: str | None) -> tuple[RunState, ...]:
    """Return the states of the runs that an action is for. Raises ValueError."""
    wanted, possible = check_run_state(state), STATES[action]
    if wanted is None:
        return possible
    if wanted not in possible:
        names = " or ".join(item.value for item in possible)
        raise ValueError(
            f"state must be {names}, or None, not {wanted.value!r}: no other runs are "
            f"{DONE[action].value} together"
        )
    return (wanted,)


def _check_narrow(query: RunQuery, state: object, *, everything: bool) -> None:
    """Raise ValueError unless the caller has said which runs, or that all are meant."""
    given = (state, query.dag, query.since, query.until)
    if not everything and not query.text and not query.params and all(v is None for v in given):
        raise ValueError(
            "no filter says which runs are meant: give dag, state, since, until, text or params, "
            "or everything=True for all runs"
        )


def _resume(store: ClientStore, run_id: str, resumed: set[str]) -> None:
    """Resume a run, unless it is below one that was resumed: that resumes it.

    Raises what ``RunHandle.resume`` raises.
    """
    try:
        resumed.add(resume_family(store, run_id, ()))
    except RunNotOver:
        if not _is_below(store, run_id, resumed):
            raise


def _is_below(store: ClientStore, run_id: str, runs: set[str]) -> bool:
    """Return whether a task of one of these runs, or of a run below it, has called a run."""
    for _ in range(MOST_DEPTH):
        parent = store.read_parent(run_id)
        if parent is None or parent.run in runs:
            return parent is not None
        run_id = parent.run
    return False
