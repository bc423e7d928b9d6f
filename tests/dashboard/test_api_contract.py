"""The API keeps what its OpenAPI document says, whatever is asked.

schemathesis makes requests from the document: right ones, wrong ones, and ones at the bounds. Each
answer must have a status, a type and a form that the document has, and none may be a bug.
"""

from __future__ import annotations

from typing import Any

import pytest
from whole_run import WholeRun

from flowkit import DAG, Client, Task
from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.app import ENDPOINTS, build_app
from flowkit.embedded import EmbeddedServer

pytestmark = pytest.mark.slow

EXAMPLES = 15
GIVEN = {"run": "r1", "name": "etl", "task": "load"}
OPERATIONS = [(endpoint.method, endpoint.path.replace(":path}", "}")) for endpoint in ENDPOINTS] + [
    ("GET", "/session"),
    ("DELETE", "/session"),
]


def extract() -> list[int]:
    return [1, 2]


def load(row: int) -> int:
    return 1 // (row - 1)


@pytest.mark.parametrize("exists", [True, False], ids=["a run that exists", "any run"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_the_document_says(
    system: Client,
    access: TokenAccess,
    fake_server: EmbeddedServer,
    namespace: str,
    method: str,
    path: str,
    exists: bool,
) -> None:
    schemathesis = pytest.importorskip(
        "schemathesis", reason="no schemathesis: pip install 'flowkit[slow]'"
    )
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    with DAG("etl") as dag:
        Task(extract) >> Task(load).map()
    run = WholeRun(fake_server.url, namespace, dag)
    assert run.finish() == "failed"
    headers = {"authorization": f"Bearer {access.token}"}
    app = build_app(system, system, access, ["*"])
    document = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=headers)
    operation = document[path][method]

    def ask(case: Any) -> None:
        if exists and case.path_parameters:
            known = {name: GIVEN[name] for name in case.path_parameters}
            case.path_parameters.update(known)
        case.call_and_validate(
            headers=headers,
            checks=[
                not_a_server_error,
                checks.status_code_conformance,
                checks.content_type_conformance,
                checks.response_schema_conformance,
                checks.negative_data_rejection,
            ],
        )

    asked = given(case=operation.as_strategy())(ask)
    settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(asked)()
    run.close()
