"""Forms of run parameters, and submitting a run of the graph of another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...client.documents.forms import Form
from ...client.documents.make_form import form_document
from ...client.documents.runs import Submitted
from ...client.run_ids import is_run_id
from ...core.taken_parameter import MOST_TAKEN
from ...exceptions import RunNotFound
from ..endpoint import Asked, BadParameter, Endpoint
from .run import run_id_of

LONGEST = 100_000  # characters of one value
_BODY = (
    'the body must be {"again": RUN, "params": {NAME: TEXT}, "without": [NAME]}; the last two may '
    "be missing"
)


def _form(asked: Asked) -> Form:
    return form_document(asked.client.run_form(run_id_of(asked)))


def _dag_form(asked: Asked) -> Form:
    return form_document(asked.client.dag_form(asked.path["name"]))


def _submit(asked: Asked) -> Submitted:
    run, texts, without = _wanted(asked.body)
    params = asked.client.params_from_text(run, texts) if texts else {}
    handle = asked.client.submit_again(run, params, without=without)
    return Submitted(run_id=handle.run_id, dag=handle.graph().name)


def _wanted(body: Mapping[str, Any]) -> tuple[str, dict[str, str], list[str]]:
    """Return the earlier run, the texts by name, and what to leave out.

    Raises BadParameter, and RunNotFound for what can be the id of no run.
    """
    run, texts, without = body.get("again"), body.get("params", {}), body.get("without", [])
    if not isinstance(run, str) or not {*body} <= {"again", "params", "without"}:
        raise BadParameter(_BODY)
    if not is_run_id(run):
        raise RunNotFound(run[:128])
    if not isinstance(texts, dict) or not _are_texts([*texts.values()], LONGEST):
        raise BadParameter(f"'params' must have texts by name, of at most {LONGEST:,} characters")
    if not isinstance(without, list) or not _are_texts(without, LONGEST):
        raise BadParameter("'without' must be a list of names")
    if len(texts) + len(without) > MOST_TAKEN:
        raise BadParameter(f"the body has more than {MOST_TAKEN} parameters")
    return run, texts, without


def _are_texts(items: list[Any], longest: int) -> bool:
    return all(isinstance(item, str) and len(item) <= longest for item in items)


ENDPOINTS = (
    Endpoint(
        "/runs/{run}/form",
        "What a run can be given when it is submitted again, and what it was given.",
        Form,
        _form,
    ),
    Endpoint(
        "/dag-form/{name:path}",
        "What a DAG can be given: the form of its newest run.",
        Form,
        _dag_form,
    ),
    Endpoint(
        "/runs",
        "Submit a run of the graph of another one; `again`: its id, `params`: texts by name, which "
        "are converted by the annotations, `without`: names that get their defaults.",
        Submitted,
        _submit,
        method="POST",
        acts=True,
    ),
)
