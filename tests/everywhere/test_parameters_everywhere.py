"""Run parameters: the same values and the same refusals wherever the DAG runs."""

from __future__ import annotations

import pytest
import values_app as app
from places import Place

from flowkit import DAG
from flowkit.exceptions import ParameterError
from flowkit.parameters.conversion import GivenJSON, GivenText

TEXTS = {
    "dry_run": "False",
    "day": "2026-11-28",
    "folder": "data/in",
    "price": "1.10",
    "window": '{"first": "2026-11-28"}',
    "modes": '["full", "delta"]',
    "wait": "90s",
    "limits": '{"eu": 5}',
}
ARRIVES = [
    "bool False",
    "date 2026-11-28",
    "PosixPath data/in",
    "Decimal 1.10",
    "Window Window(first=datetime.date(2026, 11, 28), days=7)",
    "list [<Mode.FULL: 'full'>, <Mode.DELTA: 'delta'>]",
    "timedelta 0:01:30",
    "dict {'eu': 5}",
]


@pytest.mark.promise("dag-19")
def test_values_from_outside_arrive_as_annotated(place: Place) -> None:
    dag = DAG("described", tasks=[app.describes])
    given = dag.convert_params({name: GivenText(text) for name, text in TEXTS.items()})
    assert place.run(dag, given).results == {"describes": ARRIVES}
    document = {**TEXTS, "dry_run": False, "limits": None}
    document |= {"window": {"first": "2026-11-28"}, "modes": ["full", "delta"]}
    given = dag.convert_params({name: GivenJSON(value) for name, value in document.items()})
    assert place.run(dag, given).results == {"describes": [*ARRIVES[:-1], "NoneType None"]}


@pytest.mark.promise("dag-19")
def test_a_value_that_does_not_fit_is_refused(place: Place) -> None:
    dag = DAG("described", tasks=[app.describes])
    given = dag.convert_params({name: GivenText(text) for name, text in TEXTS.items()})
    with pytest.raises(ParameterError, match="'day' of task 'describes' must be date, not 'x'"):
        place.run(dag, {**given, "day": "x"})
