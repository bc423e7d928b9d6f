"""A client of several shards: runs go where their ids say, and are found wherever they are.

The shards are namespaces of one server; what differs with several servers is in
tests/integration/test_shards.py.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from helpers import free_port

from flowkit import DAG, Client, Task
from flowkit.client.placement import _first_count
from flowkit.configuration.redis_url import redact_url
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import (
    FlowkitError,
    RedisUnavailable,
    RunExists,
    RunNotFound,
    SettingsError,
    WrongShards,
)
from flowkit.protocol.link import Link
from flowkit.protocol.namespace import drop_namespace
from flowkit.protocol.rendezvous import former_owners, owner
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.state.redis import RedisStateManager

MOST = 4
Connect = Callable[..., Client]


def work(n: int = 1) -> int:
    return n


@pytest.fixture
def dag() -> DAG:
    made = DAG("one")
    made.add(Task(work))
    return made


@pytest.fixture
def urls(fake_server: EmbeddedServer, namespace: str) -> Iterator[list[str]]:
    """The URLs of so many shards."""
    yield [f"{fake_server.url}#{namespace}.{at}" for at in range(MOST)]
    link = Link(fake_server.url)
    for at in range(MOST):
        drop_namespace(link, f"{namespace}.{at}")
    link.close()


@pytest.fixture
def connect(urls: list[str]) -> Iterator[Connect]:
    """Connect to the first so many shards."""
    clients: list[Client] = []

    def connected(shards: int) -> Client:
        clients.append(Client.connect(" ".join(urls[:shards])))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


def places(client: Client) -> dict[str, list[int]]:
    """Return run → the positions of the shards that have it."""
    result: dict[str, list[int]] = {}
    for at, shard in enumerate(client.shards):
        with shard.store() as store:
            for run in store.read_runs(1000):
                result.setdefault(run.run, []).append(at)
    return result


def moving_id(before: int, after: int) -> str:
    """Return a run id that another shard has when there are so many instead of so many."""
    ids = (f"nightly-{number}" for number in range(1000))
    return next(run for run in ids if owner(run, before) != owner(run, after))


# -- submitting -----------------------------------------------------------------------------------


def test_runs_go_to_the_shard_of_their_id_one_by_one_or_together(
    connect: Connect, dag: DAG
) -> None:
    client = connect(4)
    handles = [client.submit(dag, params={"n": n}) for n in range(20)]
    handles += client.submit_many(dag, [{"n": n} for n in range(60)])
    result = places(client)
    assert result == {handle.run_id: [owner(handle.run_id, 4)] for handle in handles}
    assert len(Counter(at for (at,) in result.values())) == 4
    assert all(handle.shard is client.shards[owner(handle.run_id, 4)] for handle in handles)


def test_each_shard_gets_the_graph_that_its_runs_need(connect: Connect, dag: DAG) -> None:
    client = connect(2)
    for number in range(10):
        client.submit(dag, run_id=f"r{number}")
    assert {len(client.run(f"r{number}").graph().graph) for number in range(10)} == {1}


def test_an_id_is_taken_once_for_all_shards(connect: Connect, dag: DAG) -> None:
    client = connect(4)
    client.submit(dag, run_id="nightly", params={"n": 1})
    client.submit(dag, run_id="nightly", params={"n": 1})
    with pytest.raises(RunExists):
        client.submit(dag, run_id="nightly", params={"n": 2})
    assert places(client) == {"nightly": [owner("nightly", 4)]}


# -- looking --------------------------------------------------------------------------------------


def test_the_newest_runs_of_all_shards_come_first(connect: Connect, dag: DAG) -> None:
    client = connect(4)
    for number in range(30):
        client.submit(dag, run_id=f"r{number}")
    runs = client.runs(30)
    assert {run.run for run in runs} == {f"r{number}" for number in range(30)}
    times = [run.submitted_ms for run in runs]
    assert times == sorted(times, reverse=True)
    assert [run.run for run in client.runs(7)] == [run.run for run in runs[:7]]
    assert len(client.runs(50, "running")) == 30
    assert client.runs(50, "failed") == []


def test_a_run_on_no_shard_is_not_found(connect: Connect) -> None:
    with pytest.raises(RunNotFound, match=r"no run 'nothing' in any of the 4 shards: check the id"):
        connect(4).run("nothing")


def test_one_shard_behaves_as_before(connect: Connect, dag: DAG, namespace: str) -> None:
    client = connect(1)
    client.submit(dag, run_id="r1")
    assert client.run("r1").record().total == 1
    with pytest.raises(RunNotFound, match=rf"in namespace '{namespace}\.0'"):
        client.run("nothing")


# -- a shard is appended --------------------------------------------------------------------------


def test_runs_from_before_a_shard_was_appended_are_found(connect: Connect, dag: DAG) -> None:
    few = connect(2)
    runs = [few.submit(dag, run_id=f"r{number}").run_id for number in range(40)]
    many = connect(4)
    moved = [run for run in runs if owner(run, 4) != owner(run, 2)]
    assert moved
    for run in runs:
        handle = many.run(run)
        assert handle.shard is many.shards[owner(run, 2)]
        assert handle.status().run_id == run
    many.run(moved[0]).cancel()
    assert few.run(moved[0]).record().stop is not None


def test_an_earlier_run_submitted_again_is_the_same_run(connect: Connect, dag: DAG) -> None:
    """Or what is submitted every night under its date would be done twice after the shard came."""
    run = moving_id(2, 4)
    connect(2).submit(dag, run_id=run)
    many = connect(4)
    assert many.submit(dag, run_id=run).shard is many.shards[owner(run, 2)]
    with pytest.raises(RunExists):
        many.submit(dag, run_id=run, params={"n": 7})
    assert places(many) == {run: [owner(run, 2)]}


@pytest.mark.parametrize(
    ("firsts", "known_since"),
    [([4, 4, 4, 4], 4), ([2, 2, 3, 4], 2), ([4, 2, 3, 4], 2), ([None, 4, 4, 4], 1),
     ([3, None, 3, 4], 1)],
)  # fmt: skip
def test_ids_are_searched_on_all_their_possible_shards(
    connect: Connect, firsts: list[int | None], known_since: int
) -> None:
    """Not all shards know it: one was appended, one has lost its data. One that does not answer may
    be the only one that does; to take it for granted put a run into two shards."""
    client = connect(4)
    for shard, first in zip(client.shards, firsts, strict=True):
        shard.first = first
    assert _first_count(client.shards) == known_since


def test_without_appended_shards_only_one_shard_is_searched(
    urls: list[str], fake_server: EmbeddedServer, namespace: str, dag: DAG
) -> None:
    link = Link(fake_server.url)
    for at in range(3):
        SchedulerStore(link, f"{namespace}.{at}", "s1", shard_position=f"{at}/3").acquire_lease(
            60_000
        )
    client = Client.connect(" ".join(urls[:3]), patience=0.1)
    run = moving_id(2, 3)
    (was,) = former_owners(run, 3)[1:2]
    client.shards[was].close()
    client.shards[was]._store.link._connection = None  # whoever asks it fails
    assert client.submit(dag, run_id=run).shard is client.shards[2]
    client.shards[2].close()


def test_a_run_is_searched_only_where_it_can_be(urls: list[str], dag: DAG) -> None:
    """A shard that is away keeps nobody from submitting ids that were never its own."""
    nobody = f"redis://127.0.0.1:{free_port()}"
    with Client.connect(f"{urls[0]} {nobody}/0 {nobody}/1", patience=0.1) as client:
        run = next(f"r{n}" for n in range(1000) if former_owners(f"r{n}", 3) == [0])
        assert client.submit(dag, run_id=run).shard is client.shards[0]
        run = next(f"r{n}" for n in range(1000) if former_owners(f"r{n}", 3) == [2, 1, 0])
        with pytest.raises(RedisUnavailable):
            client.submit(dag, run_id=run)


def test_a_client_with_another_list_is_refused(
    connect: Connect, fake_server: EmbeddedServer, namespace: str, urls: list[str]
) -> None:
    link = Link(fake_server.url)
    for at in range(2):
        SchedulerStore(link, f"{namespace}.{at}", "s1", shard_position=f"{at}/2").acquire_lease(
            60_000
        )
    connect(2)
    for wrong in (urls[:1], urls[:3], urls[1::-1], urls[1:2]):
        with pytest.raises(WrongShards) as caught:
            Client.connect(" ".join(wrong))
        message = str(caught.value)
        assert f"{redact_url(fake_server.url)} (namespace '{namespace}." in message
        assert "give this process the list of the others" in message


# -- a shard is away ------------------------------------------------------------------------------


def test_an_unreachable_shard_leaves_the_others_usable(urls: list[str], dag: DAG) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    client = Client.connect(f"{urls[0]} {away}", patience=0.1)
    here = next(f"r{n}" for n in range(99) if owner(f"r{n}", 2) == 0)
    there = next(f"r{n}" for n in range(99) if owner(f"r{n}", 2) == 1)
    assert client.submit(dag, run_id=here).record().total == 1
    assert client.run(here).record().run == here
    for call in (
        lambda: client.submit(dag, run_id=there),
        lambda: client.run(there),
        lambda: client.run("nowhere"),  # it may be there, who knows
        lambda: client.runs(),
        lambda: client.dead_letters(),
    ):
        with pytest.raises(RedisUnavailable, match=f"cannot use Redis at {away}"):
            call()
    client.close()


def test_connecting_does_not_wait_for_an_unreachable_shard(urls: list[str], dag: DAG) -> None:
    """It waited out its patience: a minute, for commands that wait."""
    away = f"redis://127.0.0.1:{free_port()}"
    with Client.connect(f"{away}/0 {urls[0]} {away}/1", patience=3600) as client:
        client.shards[1].first = client.shards[0].first = client.shards[2].first = 3
        here = next(f"r{n}" for n in range(99) if owner(f"r{n}", 3) == 1)
        assert client.submit(dag, run_id=here).shard is client.shards[1]


def test_it_waits_while_no_shard_answers(fake_server: EmbeddedServer, urls: list[str]) -> None:
    late = EmbeddedServer(port=free_port())
    starter = threading.Timer(0.3, late.start)
    starter.start()
    try:
        nobody = f"redis://127.0.0.1:{free_port()}/0"
        with Client.connect(f"{nobody} {late.url}", patience=60) as client:
            assert client.shards[1].first == 1
    finally:
        starter.join()
        late.stop()


def test_a_run_is_found_despite_an_unreachable_shard(urls: list[str], dag: DAG) -> None:
    """``submit`` of the same id found it, and ``status``, ``cancel`` and ``resume`` did not; then
    they did when their patience was over, a minute for commands that wait."""
    run = moving_id(1, 2)
    Client.connect(urls[0]).submit(dag, run_id=run)
    away = f"redis://127.0.0.1:{free_port()}/0"
    with Client.connect(f"{urls[0]} {away}", patience=3600) as client:
        assert owner(run, 2) == 1, "its home is away"
        assert client.run(run).shard is client.shards[0]


def test_a_run_is_found_despite_a_shard_that_fails_later(urls: list[str], dag: DAG) -> None:
    run = moving_id(1, 2)
    Client.connect(urls[0]).submit(dag, run_id=run)
    other = EmbeddedServer(port=free_port())
    other.start()
    with Client.connect(f"{urls[0]} {other.url}", patience=0.1) as client:
        other.stop()
        assert owner(run, 2) == 1, "its home is away"
        assert client.run(run).shard is client.shards[0]


def test_a_run_is_found_despite_a_hanging_shard(urls: list[str], dag: DAG) -> None:
    """Each try to read from it took 20 seconds."""
    run = moving_id(1, 2)
    Client.connect(urls[0]).submit(dag, run_id=run)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hangs = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with Client.connect(f"{urls[0]} {hangs}", patience=3600) as client:
            assert not client.shards[1].has_answered
            assert client.run(run).shard is client.shards[0]


def test_an_unresponsive_shard_is_searched_last(urls: list[str], dag: DAG) -> None:
    """A run is the same run whether or not a shard between its two is away."""
    run = next(f"r{n}" for n in range(1000) if former_owners(f"r{n}", 3) == [2, 1, 0])
    Client.connect(urls[0]).submit(dag, run_id=run)
    away = f"redis://127.0.0.1:{free_port()}/0"
    with Client.connect(f"{urls[0]} {away} {urls[2]}", patience=3600) as client:
        assert client.submit(dag, run_id=run).shard is client.shards[0]


def test_a_client_needs_one_shard_at_least() -> None:
    nobody = f"redis://127.0.0.1:{free_port()}"
    with pytest.raises(RedisUnavailable):
        Client.connect(f"{nobody}/0 {nobody}/1", patience=0.1)


def test_the_same_shard_twice_is_refused(urls: list[str]) -> None:
    with pytest.raises(SettingsError, match="shards 0 and 1"):
        Client.connect(f"{urls[0]} {urls[0]}")


# -- what is not shared ---------------------------------------------------------------------------


def test_state_is_on_the_first_shard(urls: list[str], namespace: str) -> None:
    with RedisStateManager(" ".join(urls)) as state, RedisStateManager(urls[0]) as first:
        state.set("k", 1)
        assert (state.namespace, first.get("k")) == (f"{namespace}.0", 1)


def test_a_closed_client_says_that_it_is_closed(connect: Connect, dag: DAG) -> None:
    """It connected again, and nobody closed that connection."""
    client = connect(1)
    run = client.submit(dag)
    client.close()
    for call in (client.runs, run.record, lambda: run.wait(1), lambda: client.submit(dag)):
        with pytest.raises(FlowkitError, match="this client and its handles are closed"):
            call()
