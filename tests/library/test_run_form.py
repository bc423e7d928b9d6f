"""``client.run_form()`` and ``params_from_text()``: runs submitted again without the code."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest

from flowkit import DAG, AsyncClient, Client, Task
from flowkit.client.run_form import FormParameter, RunForm, Taken, form_parameters, typed_as
from flowkit.codec.packing import pack
from flowkit.core.taken_parameter import TakenParameter
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import DAGError, ParameterError, RunNotFound
from flowkit.parameters.conversion import GivenJSON, GivenText
from flowkit.protocol.takes import FORMAT, pack_takes


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int


@pytest.fixture
def client(fake_server: EmbeddedServer, namespace: str) -> Iterator[Client]:
    with Client.connect(fake_server.url, namespace) as result:
        yield result


def extract(day: dt.date, limit: int = 100, mode: Literal["full", "delta"] = "full") -> int:
    """:param day: The day to load."""
    return limit


def load(day: dt.date | None = None, point: Point | None = None, anything=5) -> None:  # type: ignore[no-untyped-def]
    """Take a class of the user's, and a parameter without an annotation."""


def etl() -> DAG:
    flow = DAG("etl")
    flow.add(Task(extract))
    flow.add(Task(load))
    return flow


DAY = dt.date(2026, 11, 28)


def by_name(form: RunForm) -> dict[str, FormParameter]:
    return {parameter.name: parameter for parameter in form.parameters}


def forget(client: Client, run: str) -> None:
    """Remove what the store tells of a DAG: a client of an older release has submitted it."""
    handle = client.run(run)
    with handle.shard.store() as store:
        store.link.call("DEL", store.keys.takes(handle.record().digest))


def test_a_form_says_what_the_tasks_declare(client: Client) -> None:
    run = client.submit(etl(), params={"day": DAY, "limit": 7, "point": Point(3)})
    form = client.run_form(run.run_id)
    assert (form.run_id, form.dag, form.is_told, form.problem) == (run.run_id, "etl", True, "")
    assert form.submitted == run.record().submitted_ms / 1000
    said = by_name(form)
    assert said["day"] == FormParameter(
        "day", "date", True, True, "", "The day to load.", "2026-11-28", True, "2026-11-28"
    )
    assert said["limit"] == FormParameter("limit", "int", True, False, "100", "", "5", True, "7")
    assert (said["mode"].type, said["mode"].example) == ("Literal['full', 'delta']", "full")
    assert (said["mode"].default, said["mode"].given, said["mode"].text) == ("'full'", False, None)
    point = said["point"]
    assert (point.type, point.is_known) == ("Point | None", False)
    assert (point.given, point.text, point.default) == (True, None, "None")
    assert (said["anything"].type, said["anything"].is_known) == ("int | float", True)
    assert client.dag_form("etl") == form


def test_text_is_converted_and_values_without_text_are_copied(client: Client) -> None:
    old = client.submit(etl(), params={"day": DAY, "limit": 7, "point": Point(3)})
    given = client.params_from_text(old.run_id, {"day": "2026-11-29", "mode": "delta"})
    assert given == {"day": dt.date(2026, 11, 29), "mode": "delta"}
    new = client.submit_again(old.run_id, given, without=["limit"])
    assert new.params() == {**given, "point": Point(3)}
    assert new.record().digest == old.record().digest
    assert client.run_form(new.run_id).is_told


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("day", "tomorrow", "parameter 'day' must be date, not 'tomorrow'.* -p day=2026-11-28"),
        ("limit", "1e3", "parameter 'limit' must be int, not '1e3'"),
        ("mode", "both", "parameter 'mode' must be Literal"),
        ("limt", "3", r"DAG 'etl': There is no parameter 'limt'|limt.*[Dd]id you mean 'limit'"),
    ],
)
def test_text_that_does_not_fit_names_the_parameter(
    client: Client, name: str, text: str, says: str
) -> None:
    old = client.submit(etl(), params={"day": DAY})
    with pytest.raises(ParameterError, match=says) as caught:
        client.params_from_text(old.run_id, {name: text})
    assert caught.value.parameter == name


@pytest.mark.parametrize(
    ("params", "without", "about"),
    [
        ({"limit": "seven"}, (), "limit"),
        ({"unheard": 1}, (), "unheard"),
        ({}, ["day"], "day"),  # it is required
        ({}, ["mode"], "mode"),  # the run has no value for it
        ({"day": DAY}, ["day"], "day"),
    ],
)
def test_parameters_with_which_no_run_can_start(
    client: Client, params: dict[str, Any], without: list[str], about: str
) -> None:
    old = client.submit(etl(), params={"day": DAY})
    with pytest.raises(ParameterError) as caught:
        client.submit_again(old.run_id, params, without=without)
    assert caught.value.parameter == about
    assert len(client.runs()) == 1


def test_a_type_that_only_the_default_has_binds_text_alone(client: Client) -> None:
    old = client.submit(etl(), params={"day": DAY})
    assert client.params_from_text(old.run_id, {"anything": "7"}) == {"anything": 7}
    assert client.submit_again(old.run_id, {"anything": ["a"]}).params()["anything"] == ["a"]


VALUES: dict[str, object] = {
    "text": "5",
    "lines": "a\nb",
    "empty": "",
    "number": 5,
    "share": 0.5,
    "flag": True,
    "day": DAY,
    "moment": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
    "length": dt.timedelta(minutes=90),
    "price": Decimal("1.10"),
    "path": Path("/data"),
    "parts": ["a", 1, None, {"b": 2.5}],
    "pair": (1, 2),
}


def test_without_a_list_types_are_those_of_the_earlier_run(client: Client) -> None:
    """Each value is shown as a text that is read as exactly this value, or is kept."""
    params = {"day": DAY, "limit": 7, "mode": "full", "point": Point(1)}
    old = client.submit(etl(), params=params)
    forget(client, old.run_id)
    form = client.run_form(old.run_id)
    assert not form.is_told
    assert "does not tell" in form.problem
    assert {name: item.text for name, item in by_name(form).items()} == {
        "day": "2026-11-28",
        "limit": "7",
        "mode": "full",
        "point": None,
    }
    given = client.params_from_text(old.run_id, {"mode": "5", "limit": "8", "new": "[1]"})
    assert given == {"mode": "5", "limit": 8, "new": [1]}
    assert client.submit_again(old.run_id, given).params() == {**params, **given}


@pytest.mark.parametrize("name", VALUES)
def test_a_text_that_is_shown_is_read_as_exactly_the_value(client: Client, name: str) -> None:
    untold, part = Taken("DAG", None), pack(VALUES[name])
    (shown,) = form_parameters(untold, {name: part})
    assert shown.text is not None
    read = typed_as(untold, name, part).convert(GivenText(shown.text), "DAG")
    assert (read, type(read)) == (VALUES[name], type(VALUES[name]))


@pytest.mark.parametrize(
    "value", [Point(1), Color.RED, b"bytes", "a\rb", "x" * 5_000, [Color.RED], {1: 2}, None, 1j]
)
def test_what_no_text_stands_for_is_kept(client: Client, value: object) -> None:
    (shown,) = form_parameters(Taken("DAG", None), {"name": pack(value)})
    assert (shown.given, shown.text) == (True, "null" if value is None else None)


def test_an_enum_is_not_the_text_that_names_it() -> None:
    (shown,) = form_parameters(Taken("DAG", None), {"color": pack(Color.RED)})
    assert (shown.is_known, shown.type) == (False, "")


def test_json_and_files_of_the_command_line_are_converted_too(client: Client) -> None:
    old = client.submit(etl(), params={"day": DAY})
    given = {"limit": GivenJSON(3), "day": GivenText("2026-01-02")}
    assert client.params_from_text(old.run_id, given) == {"limit": 3, "day": dt.date(2026, 1, 2)}


def test_an_array_lies_apart_and_is_decoded(client: Client) -> None:
    numpy = pytest.importorskip("numpy")
    old = client.submit(etl(), params={"day": DAY, "anything": numpy.zeros(200_000)})
    new = client.submit_again(old.run_id, {"limit": 3})
    assert new.params()["anything"].size == 200_000  # type: ignore[attr-defined]
    assert by_name(client.run_form(new.run_id))["anything"].given


def test_a_chosen_id_is_one_run(client: Client) -> None:
    old = client.submit(etl(), params={"day": DAY})
    first, again = (client.submit_again(old.run_id, new_id="mine") for _ in range(2))
    assert (first.existed, again.existed, len(client.runs())) == (False, True, 2)
    with pytest.raises(DAGError, match="cannot be sent"):
        client.submit_again(old.run_id, {"anything": object()})


def test_the_list_is_signed_for_its_graph(client: Client) -> None:
    with Client(replace(client.settings, signing_key="k" * 32)) as signing:
        run = signing.submit(etl(), params={"day": DAY})
        digest = run.record().digest
        assert signing.run_form(run.run_id).is_told
        assert client.run_form(run.run_id).is_told  # a viewer has no key
        forged = pack_takes([TakenParameter("day", "str", is_closed=True)])
        with run.shard.store() as store:
            store.link.call("HSET", store.keys.takes(digest), "takes", forged)
        form = signing.run_form(run.run_id)
        assert (form.is_told, "has no signature" in form.problem) == (False, True)
        assert signing.params_from_text(run.run_id, {"day": "2026-01-02"}) == {
            "day": dt.date(2026, 1, 2)
        }


def test_what_is_stored_is_small_and_expires(client: Client) -> None:
    run = client.submit(etl(), params={"day": DAY})
    with run.shard.store() as store:
        key = store.keys.takes(run.record().digest)
        packed = store.link.call("HGET", key, "takes")
        assert len(packed) < 200
        assert packed[1] == FORMAT
        assert store.link.call("PTTL", key) > 30 * 86_400_000


def test_an_unknown_dag_and_wrong_arguments(client: Client) -> None:
    with pytest.raises(RunNotFound, match="no run of a DAG 'etl' is stored"):
        client.dag_form("etl")
    with pytest.raises(RunNotFound):
        client.run_form("none")
    with pytest.raises(TypeError, match="must be the name of a DAG, not None"):
        client.dag_form(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a mapping"):
        client.params_from_text("none", 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="value of parameter 'limit' must be a text, not 3"):
        client.params_from_text("none", {"limit": 3})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"without": "day"}, "without must be a list of names of parameters, not 'day'"),
        ({"without": None}, "without must be a list of names of parameters, not None"),
        ({"without": [3]}, "without must have names of parameters, not 3"),
        ({"params": {3: 1}}, "params must have names of parameters, not 3"),
    ],
)
def test_names_that_are_none_are_refused(
    client: Client, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(TypeError, match=says):
        client.submit_again("none", **options)


def test_for_asyncio(client: Client) -> None:
    old = client.submit(etl(), params={"day": DAY})

    async def ask() -> tuple[object, ...]:
        async with AsyncClient(client.settings) as own:
            params = await own.params_from_text(old.run_id, {"limit": "8"})
            new = await own.submit_again(old.run_id, params, new_id="mine")
            return params, new.run_id, await own.run_form("mine") == await own.dag_form("etl")

    assert asyncio.run(ask()) == ({"limit": 8}, "mine", True)
