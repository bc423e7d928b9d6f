"""Forms of run parameters, and submitting a run of the graph of another one."""

from __future__ import annotations

from ...client.documents.forms import Form
from ...client.documents.make_form import form_document
from ...client.documents.runs import Submitted
from ...client.run_ids import is_run_id
from ...core.taken_parameter import MOST_TAKEN
from ...exceptions import RunNotFound
from ..endpoint import Asked, Endpoint, Field, Parameter
from .run import run_id_of


def _form(asked: Asked) -> Form:
    return form_document(asked.client.run_form(run_id_of(asked)))


def _dag_form(asked: Asked) -> Form:
    return form_document(asked.client.dag_form(asked.query["dag"]))


def _submit(asked: Asked) -> Submitted:
    run, texts = asked.body["again"], asked.body["params"]
    if not is_run_id(run):
        raise RunNotFound(run[:128])
    params = asked.client.params_from_text(run, texts) if texts else {}
    handle = asked.client.submit_again(run, params, without=asked.body["without"])
    return Submitted(run_id=handle.run_id, dag=handle.graph().name)


ENDPOINTS = (
    Endpoint(
        "/runs/{run}/form",
        "What a run can be given when it is submitted again, and what it was given.",
        Form,
        _form,
    ),
    Endpoint(
        "/dag-form",
        "What a DAG can be given: the form of its newest run.",
        Form,
        _dag_form,
        (Parameter("dag", "The name of the DAG.", required=True),),
    ),
    Endpoint(
        "/runs",
        "Submit a run of the graph of another one.",
        Submitted,
        _submit,
        method="POST",
        acts=True,
        body=(
            Field("again", "The id of that run.", required=True),
            Field(
                "params",
                "Parameters that differ, as texts; they are converted by the annotations.",
                "text by name",
                default={},
                most=MOST_TAKEN,
            ),
            Field(
                "without",
                "Names of parameters of that run to leave out, so that their defaults apply.",
                "texts",
                default=[],
                most=MOST_TAKEN,
            ),
        ),
    ),
)
