"""Makes the document of a form."""

from __future__ import annotations

from ..run_form import RunForm
from .forms import Form, FormEntry
from .stamps import utc


def form_document(form: RunForm) -> Form:
    """Return what a run can be given when it is submitted again."""
    return Form(
        run_id=form.run_id,
        dag=form.dag,
        submitted=utc(form.submitted),
        told=form.is_told,
        problem=form.problem,
        parameters=[
            FormEntry(
                name=parameter.name,
                type=parameter.type,
                known=parameter.is_known,
                required=parameter.required,
                default=parameter.default,
                description=parameter.doc,
                example=parameter.example,
                given=parameter.given,
                text=parameter.text,
            )
            for parameter in form.parameters
        ],
    )
