"""Finding a run by the beginning of its id, or as the last one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowkit import DAG, Client, task
from flowkit.client.run_names import MOST_NAMED, find_run
from flowkit.exceptions import RunNotFound


@task
def nothing() -> None:
    return None


@pytest.fixture
def client(server_url: str, namespace: str) -> Iterator[Client]:
    with Client.connect(server_url, namespace) as connected:
        yield connected


def submit(client: Client, *ids: str) -> None:
    for run_id in ids:
        client.submit(DAG("named", tasks=[nothing]), run_id=run_id)


@pytest.mark.promise("sight-16")
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("nightly-1", "nightly-1"),
        ("nightly-11", "nightly-11"),
        ("w", "weekly"),
        ("weekly", "weekly"),
        ("last", "weekly"),
    ],
)
def test_a_name_means_the_run_of_that_id_else_the_only_one_that_begins_so(
    client: Client, name: str, found: str
) -> None:
    submit(client, "nightly-1", "nightly-11", "weekly")
    assert find_run(client, name).run_id == found


@pytest.mark.promise("sight-16")
def test_a_beginning_of_several_ids_names_them(client: Client) -> None:
    submit(client, *(f"nightly-{number}" for number in range(MOST_NAMED + 1)))
    with pytest.raises(RunNotFound, match=r"several ids begin so: nightly-\d, .*, …\. Give more"):
        find_run(client, "nightly")


def test_a_run_that_is_called_last_is_meant_by_last(client: Client) -> None:
    submit(client, "last", "later")
    assert find_run(client, "last").run_id == "last"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("last", "the namespace has no run, so 'last' means none"),
        ("weekly", "there is no run 'weekly' in namespace"),
    ],
)
def test_where_there_is_none_the_error_says_so(client: Client, name: str, text: str) -> None:
    with pytest.raises(RunNotFound, match=text):
        find_run(client, name)


def test_ids_that_no_release_writes_are_no_runs(client: Client) -> None:
    submit(client, "nightly-1")
    with client.shards[0].store() as store:
        for wrong in ("nightly-2,", "nightly \x1b[31m", "nightly-" + "x" * 200):
            store.link.call("ZADD", store.keys.runs(), "9e12", wrong)
        assert find_run(client, "nightly").run_id == "nightly-1"
        store.link.call("DEL", store.keys.runs())


def test_what_can_be_no_id_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="is not a run id"):
        find_run(client, "no id")
