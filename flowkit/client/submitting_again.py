"""``client.submit_again``: a new run of the graph of another run, without its code.

The graph of a run is stored, so neither the DAG nor its module is needed. What is signed stays
true: the parameters of the old run are opened with the signature that binds them to the digest of
their graph, and reading a graph checks that it has this digest, so no other graph is signed. What
the DAG takes is signed for this digest too, so nobody else decides as what a text is read.

Values of the old run that stay are copied as they are packed. No class of theirs is needed here,
and no code of theirs runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..arguments import check_mapping, check_run_ttl
from ..codec.packing import BrokenValue, unpack
from ..codec.parts import check_decodable, is_divisible, join, names_of, split
from ..codec.provenance import Provenance, without_signatures
from ..core.run_record import RunRecord
from ..exceptions import ParameterError, RunDamaged, RunNotFound
from ..parameters.conversion import GivenJSON, GivenText
from ..settings import Settings
from .filter_checks import check_dag_name
from .run_form import RunForm, Taken, form_parameters, read_taken, typed_as
from .run_ids import check_run_id
from .run_params import open_params, read_packed_params
from .submission import PackedParams, packed_params

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG
    from ..protocol.listings import Listing
    from .run_handle import RunHandle
    from .submission import Given

MOST_DECODED = 1024 * 1024  # bytes, beside large buffers; they take up to 100 MB as values
Texts = Mapping[str, str | GivenText | GivenJSON]


class SubmittingAgain:
    """The part of ``Client`` that submits the graph of a run again."""

    settings: Settings
    provenance: Provenance

    if TYPE_CHECKING:

        def run(self, run_id: str) -> RunHandle:
            """Return the handle of a run."""

        def runs(
            self,
            limit: int = 20,
            state: str | None = None,
            *,
            dag: str | None = None,
            since: float | None = None,
            until: float | None = None,
            text: str | None = None,
            params: Mapping[str, object] | None = None,
            children: bool = True,
            before: str | None = None,
        ) -> Listing[RunRecord]:
            """Return the newest runs."""

        def _send(
            self, compiled: CompiledDAG, runs: Sequence[Given], ttl: int
        ) -> list[RunHandle]: ...

    def submit_again(
        self,
        run_id: str,
        params: Mapping[str, object] | None = None,
        *,
        without: Collection[str] = (),
        new_id: str | None = None,
        ttl: int | None = None,
    ) -> RunHandle:
        """Submit a new run of the DAG of another run, and return its handle. It needs no code.

        ``params``: the parameters that differ; the others are those of that run, and their values
        are copied without being decoded. ``params_from_text`` makes values of text. ``without``:
        names of parameters of that run to leave out, so that their defaults apply. ``new_id``,
        ``ttl``: as ``run_id`` and ``ttl`` of ``submit``. A run that is pinned to a version of the
        app stays pinned to it.

        Raises RunNotFound, RedisUnavailable, ParameterError for parameters with which the DAG
        cannot start (workers check them if ``run_form`` cannot tell what it takes), RunExists,
        DAGError for parameters that cannot be stored, RunDamaged if those of that run are damaged,
        or must be decoded and cannot, and UntrustedValue if they are not signed as the settings
        demand.
        """
        check_mapping(params)
        _checked_names("params", params or ())
        left_out = _checked_names("without", without)
        seconds = self.settings.result_ttl if ttl is None else check_run_ttl(ttl)
        chosen = None if new_id is None else check_run_id(new_id)
        old = self.run(run_id)
        record = old.record()
        dag = old.graph(record)
        with old.shard.run_store(run_id) as store:
            taken = read_taken(store, record.digest, dag.name, self.provenance)
            limit = self.settings.max_result_bytes
            with _damage_of(run_id):
                stored = read_packed_params(store, record, self.provenance, limit)
        with _damage_of(run_id):
            packed = _merged(dag.name, stored, params or {}, left_out, taken, limit)
        (handle,) = self._send(dag, [(chosen, packed)], seconds)
        return handle

    def run_form(self, run_id: str) -> RunForm:
        """Return what a run can be given when it is submitted again, and what it was given.

        Values are decoded without classes and libraries. Raises RunNotFound, RedisUnavailable,
        RunDamaged, also for parameters that are damaged, and UntrustedValue for what is not signed
        as the settings demand.
        """
        record, taken, parts = self._read_form(run_id)
        return RunForm(
            run_id=run_id,
            dag=record.dag_name,
            submitted=record.submitted_ms / 1000,
            parameters=form_parameters(taken, parts),
            is_told=taken.parameters is not None,
            problem=taken.problem,
        )

    def dag_form(self, dag: str) -> RunForm:
        """Return what a DAG can be given: the form of its newest run.

        Raises RunNotFound if no run of a DAG with this name is stored, and what ``run_form``
        raises.
        """
        name = check_dag_name(dag)
        if name is None:
            raise TypeError("dag must be the name of a DAG, not None.")
        # The runs that tasks have called come last: the store may not tell what they take.
        newest = self.runs(1, dag=name, children=False) or self.runs(1, dag=name)
        if not newest:
            raise RunNotFound(
                name,
                f"no run of a DAG {name!r} is stored; submit one with `flowkit submit FILE.py`",
            )
        return self.run_form(newest[0].run)

    def params_from_text(self, run_id: str, texts: Texts) -> dict[str, object]:
        """Return values for ``submit_again``, converted by the annotations of the parameters.

        ``texts``: by name. Annotations of built-in types are known, see ``run_form``; without one,
        a text is read as JSON if JSON would write the value in the same way. Raises ParameterError
        for a name that the DAG does not take and for a text that does not fit, and what
        ``run_form`` raises.
        """
        check_mapping(texts)
        checked = {name: _checked_text(name, given) for name, given in (texts or {}).items()}
        _, taken, parts = self._read_form(run_id)
        return {
            name: typed_as(taken, name, parts.get(name)).convert(text, taken.owner)
            for name, text in checked.items()
        }

    def _read_form(self, run_id: str) -> tuple[RunRecord, Taken, dict[str, bytes]]:
        """Return a run, what its DAG takes, and its packed values."""
        handle = self.run(run_id)
        with handle.shard.run_store(run_id) as store:
            record = store.read_run(run_id)
            taken = read_taken(store, record.digest, record.dag_name, self.provenance)
            stored = open_params(store, record, store.read_params(run_id), self.provenance)
        packed = stored if self.provenance else without_signatures(stored)
        with _damage_of(run_id):
            if is_divisible(packed):
                return record, taken, split(packed)
            return record, taken, dict.fromkeys(names_of(packed), b"")


@contextmanager
def _damage_of(run_id: str) -> Iterator[None]:
    """Name the run whose parameters cannot be read. Raises RunDamaged for BrokenValue."""
    try:
        yield
    except BrokenValue as error:
        why = str(error).rstrip(".")
        raise RunDamaged(
            run_id,
            f"the parameters of run {run_id!r} cannot be copied: {why}. Submit its DAG with all "
            "parameters instead.",
        ) from None


def _checked_names(option: str, names: object) -> frozenset[str]:
    """Return names of parameters. Raises TypeError for anything else, such as one name alone."""
    if not isinstance(names, Collection) or isinstance(names, str | bytes):
        raise TypeError(f"{option} must be a list of names of parameters, not {names!r:.100}.")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{option} must have names of parameters, not {name!r:.100}.")
    return frozenset(names)


def _checked_text(name: object, given: object) -> GivenText | GivenJSON:
    """Return a text for a parameter. Raises TypeError for a value that is none."""
    if isinstance(given, str):
        return GivenText(given)
    if not isinstance(given, GivenText | GivenJSON):
        raise TypeError(
            f"the value of parameter {name!r:.100} must be a text, not {given!r:.100}; "
            "submit_again takes other values"
        )
    return given


def _merged(
    dag_name: str,
    stored: bytes,
    params: Mapping[str, object],
    without: frozenset[str],
    taken: Taken,
    max_bytes: int,
) -> PackedParams:
    """Return the parameters of the new run. Raises ParameterError, DAGError, BrokenValue."""
    new = packed_params(dag_name, params, max_bytes)
    if is_divisible(stored) and is_divisible(new):
        parts = split(stored)
        _check_without(parts, without, params, taken)
        kept = {name: part for name, part in parts.items() if name not in without}
        merged = {**kept, **split(new)}
        taken.check(params, merged)
        return PackedParams(join(merged))
    if not is_divisible(stored):
        check_decodable(stored, MOST_DECODED)
    values = unpack(stored, max_bytes=max_bytes) if stored else {}
    if not isinstance(values, dict):
        raise BrokenValue("they are not a dict")
    _check_without(values, without, params, taken)
    both = {name: value for name, value in values.items() if name not in without} | dict(params)
    taken.check(params, both)
    return PackedParams(packed_params(dag_name, both, max_bytes))


def _check_without(
    given: Mapping[str, object], without: frozenset[str], params: Mapping[str, object], taken: Taken
) -> None:
    """Raise ParameterError for a name that cannot be left out."""
    for name in sorted(without):
        if name in params:
            raise ParameterError(
                f"{taken.owner}: parameter {name!r} is left out and has a value. Do one of them.",
                name,
            )
        if name not in given:
            names = ", ".join(map(repr, list(given)[:20])) or "none"
            raise ParameterError(
                f"{taken.owner}: parameter {name[:100]!r} cannot be left out, since the earlier "
                f"run has no value for it. Those that it has: {names}.",
                name,
            )
