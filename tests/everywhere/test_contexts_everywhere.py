"""Each attempt has its own context: what one sets, no other one sees.

Sixteen tasks that set a context variable and the precision of ``decimal`` are followed by sixteen
that look, so a thread, a child or an event loop that carries anything over shows it. The condition
of the first sixteen says no if an earlier one has left anything.
"""

from __future__ import annotations

import everywhere_app as app
import pytest
from places import Place

from flowkit import DAG

CLEAN = ["nobody", "3703.701"]
TRACES = ["customer-7", "3.70E+3"]
KINDS = {
    "plain": (app.leaves_traces, app.finds),
    "async": (app.leaves_traces_async, app.finds_async),
}


@pytest.mark.parametrize("kind", KINDS)
def test_context_set_by_a_task_or_condition_is_invisible_to_other_tasks(
    place: Place, kind: str
) -> None:
    leaves, finds = KINDS[kind]
    leaving = [leaves.bind(f"leaves{number}") for number in range(16)]
    finding = [finds.bind(f"finds{number}") for number in range(16)]
    with DAG("contexts") as dag:
        app.end >> leaving
        for item, other in zip(leaving, finding, strict=True):
            item >> other
    results = place.run(dag).results
    assert results is not None
    assert [results.get(task.name) for task in leaving] == [TRACES] * len(leaving)
    assert [results[task.name] for task in finding] == [CLEAN] * len(finding)


def test_a_retry_does_not_see_context_of_the_failed_attempt(place: Place) -> None:
    with DAG("contexts") as dag:
        dag.add(app.leaves_traces_and_fails)
    assert place.run(dag).results == {"leaves_traces_and_fails": CLEAN}
