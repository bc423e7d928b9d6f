"""A run id that is there already: the same run if graph and parameters are equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flowkit import DAG, Client, Task
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RunExists
from flowkit.protocol.link import Link
from flowkit.protocol.namespace import drop_namespace
from flowkit.settings import Settings

KEY, OTHER_KEY = "k" * 32, "o" * 32
ONE, OTHER = {0, 8}, {8, 0}  # equal, in another order, as sets of text are in another process


@dataclass(frozen=True)
class Box:
    content: object


def work(n: object = 1, day: str = "") -> object:
    return n, day


@pytest.fixture
def dag() -> DAG:
    return DAG("one", tasks=[Task(work)])


@pytest.fixture
def url(fake_server: EmbeddedServer, namespace: str) -> Iterator[str]:
    yield f"{fake_server.url}#{namespace}"
    link = Link(fake_server.url)
    drop_namespace(link, namespace)
    link.close()


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(Settings(redis_url=url)) as client:
        yield client


def test_the_two_sets_of_these_tests_have_another_order() -> None:
    assert ONE == OTHER
    assert list(ONE) != list(OTHER)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"n": 1, "day": "x"}, {"day": "x", "n": 1}),
        ({"n": ONE}, {"n": OTHER}),
        ({"n": {"a": 1, "b": 2}}, {"n": {"b": 2, "a": 1}}),
        ({"n": [Box(frozenset(ONE))]}, {"n": [Box(frozenset(OTHER))]}),
        (None, {}),
    ],
    ids=["order", "set", "dict", "inside", "none"],
)
def test_equal_parameters_are_the_same_run(client: Client, dag: DAG, one: Any, other: Any) -> None:
    first = client.submit(dag, run_id="daily", params=one)
    again = client.submit(dag, run_id="daily", params=other)
    assert (again.run_id, len(client.runs())) == (first.run_id, 1)
    with pytest.raises(RunExists, match="another graph or other parameters"):
        client.submit(dag, run_id="daily", params={"n": "something else"})


def test_a_run_that_is_pinned_to_another_version_is_refused_with_the_version(url: str) -> None:
    """Such a run has another graph, and only the version shows why."""
    dag = DAG("one", tasks=[Task(work)], pin_version=True)
    with Client(Settings(redis_url=url, app_version="1.0")) as client:
        client.submit(dag, run_id="daily")
        assert client.submit(dag, run_id="daily").existed
    refusal = r"or not pinned to version 2\.0 of the code"
    settings = Settings(redis_url=url, app_version="2.0")
    with Client(settings) as client, pytest.raises(RunExists, match=refusal):
        client.submit(dag, run_id="daily")


@pytest.mark.parametrize(("value", "unlike"), [(1, 1.0), ([1, 2], [2, 1]), ({1}, [1]), (1, True)])
def test_values_of_another_type_or_order_are_another_run(
    client: Client, dag: DAG, value: object, unlike: object
) -> None:
    client.submit(dag, run_id="daily", params={"n": value})
    with pytest.raises(RunExists):
        client.submit(dag, run_id="daily", params={"n": unlike})


def bound(value: object, *, name: str = "fetch", **options: Any) -> DAG:
    return DAG("bound", tasks=[Task(work, **options).bind(name, n=value, day="x")])


def test_equal_fixed_arguments_are_the_same_run(client: Client) -> None:
    for value in (ONE, OTHER, {0, 8}):
        client.submit(bound(value), run_id="daily")
    client.submit(DAG("bound", tasks=[Task(work).bind("fetch", day="x", n=ONE)]), run_id="daily")
    assert len(client.runs()) == 1


@pytest.mark.parametrize(
    "unlike",
    [
        lambda: bound({0, 9}),
        lambda: bound(ONE, name="other"),
        lambda: bound(ONE, retries=1),
        lambda: DAG("bound", tasks=[]),
    ],
)
def test_another_graph_is_another_run(client: Client, unlike: Callable[[], DAG]) -> None:
    client.submit(bound(ONE), run_id="daily")
    with pytest.raises(RunExists):
        client.submit(unlike(), run_id="daily")


def test_signed_parameters_are_compared_with_the_key(url: str, dag: DAG) -> None:
    with Client(Settings(redis_url=url, signing_key=KEY)) as client:
        client.submit(dag, run_id="daily", params={"n": ONE})
        client.submit(dag, run_id="daily", params={"n": OTHER})
        with pytest.raises(RunExists):
            client.submit(dag, run_id="daily", params={"n": {0}})
    for key in (None, OTHER_KEY):
        stranger = Client(Settings(redis_url=url, signing_key=key))
        with stranger, pytest.raises(RunExists):
            stranger.submit(dag, run_id="daily", params={"n": ONE})
