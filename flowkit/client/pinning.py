"""Runs that are pinned to the version of the code that submits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..core.compiled import CompiledDAG
from ..definition.app_version import code_of_app
from ..definition.dag import DAGDefinition
from ..exceptions import DAGError
from ..settings import Settings


def compile_for(
    dag: DAGDefinition, params: Sequence[Mapping[str, object] | None], settings: Settings
) -> CompiledDAG:
    """Check and compile a DAG for runs with these parameters.

    Raises what ``DAGDefinition.compile_for_run`` raises, and DAGError if the DAG is to be pinned
    to a version and there is none.
    """
    compiled = dag.compile_for_run(*params)
    if not dag.pin_version:
        return compiled
    version = settings.app_version or code_of_app()
    if not version:
        raise DAGError(
            f"DAG {dag.name!r} has pin_version=True, and the code that submits it has no version: "
            "no module of it is a file in a folder of yours. Set FLOWKIT_APP_VERSION."
        )
    return replace(compiled, pinned=version)
