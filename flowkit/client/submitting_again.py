"""``client.submit_again``: a new run of the graph of another run, without its code.

The graph of a run is stored, so neither the DAG nor its module is needed. What is signed stays
true: the parameters of the old run are opened with the signature that binds them to the digest of
their graph, and reading a graph checks that it has this digest, so no other graph is signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..arguments import check_mapping, check_run_ttl
from ..settings import Settings

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG
    from .run_handle import RunHandle
    from .submission import Given


class SubmittingAgain:
    """The part of ``Client`` that submits the graph of a run again."""

    settings: Settings

    if TYPE_CHECKING:

        def run(self, run_id: str) -> RunHandle:
            """Return the handle of a run."""

        def _send(
            self, compiled: CompiledDAG, runs: Sequence[Given], ttl: int
        ) -> list[RunHandle]: ...

    def submit_again(
        self,
        run_id: str,
        params: Mapping[str, object] | None = None,
        *,
        ttl: int | None = None,
    ) -> RunHandle:
        """Submit a new run of the DAG of another run, and return its handle. It needs no code.

        ``params``: the parameters that differ; the others are those of that run. Their names and
        types are not stored with a run, so workers check them, not this call. ``ttl``: seconds to
        keep the run after its end. A run that is pinned to a version of the app stays pinned to it.

        Raises RunNotFound, RunDamaged, RedisUnavailable, BrokenValue if the parameters of that run
        cannot be read here, DAGError for parameters that cannot be stored, and UntrustedValue if
        those of that run are not signed as the settings demand.
        """
        check_mapping(params)
        seconds = self.settings.result_ttl if ttl is None else check_run_ttl(ttl)
        old = self.run(run_id)
        dag = old.graph(old.record())
        given = {**old.params(), **(params or {})}
        (handle,) = self._send(dag, [(None, given)], seconds)
        return handle
