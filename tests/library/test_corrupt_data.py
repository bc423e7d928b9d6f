"""One malformed record hides no other: a client of a namespace that others have written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from corrupt_namespace import WRONG_DEAD, WRONG_IDS, CorruptNamespace, corrupt_namespace

from flowkit import Client
from flowkit.client.dead_letters import _Names
from flowkit.daemon.health import UnhealthyError, check_scheduler
from flowkit.exceptions import FlowkitError, RunDamaged, RunLost


@pytest.fixture(scope="module")
def planted(server_url: str) -> Iterator[CorruptNamespace]:
    with corrupt_namespace(server_url) as planted:
        yield planted


@pytest.fixture(scope="module")
def altered(server_url: str) -> Iterator[CorruptNamespace]:
    """Another one, of which tests replace single keys: no test may rely on what it leaves."""
    with corrupt_namespace(server_url) as planted:
        yield planted


@pytest.fixture
def client(planted: CorruptNamespace) -> Iterator[Client]:
    with Client.connect(planted.url, planted.namespace) as client:
        yield client


# -- lists -------------------------------------------------------------------------------------


def test_readable_runs_are_listed_and_damaged_ones_reported(
    client: Client, planted: CorruptNamespace
) -> None:
    runs = client.runs(1000)
    assert {run.run for run in runs} == {"failed", "huge", "large-error", *planted.unreadable}
    messages = {item.name: item.problem for item in runs.damaged}
    assert planted.damaged.keys() <= messages.keys()
    assert len(messages) == len(planted.damaged) + len(WRONG_IDS)
    assert max(len(name) for name in messages) <= 200
    assert all(0 < len(problem) < 200 for problem in messages.values())


def test_damaged_runs_do_not_use_up_the_limit(client: Client) -> None:
    """Some fifty damaged runs are newer than the newest that can be read."""
    assert [run.run for run in client.runs(1)] == ["huge"]
    assert len(client.runs(1).damaged) == 1
    assert "failed" in [run.run for run in client.runs(100, "failed")]


def sent_by(client: Client, act: Callable[[], object]) -> list[tuple[object, ...]]:
    """Return the commands of batches that a call sends."""
    commands: list[tuple[object, ...]] = []
    with client.shards[0].store() as store, pytest.MonkeyPatch.context() as patch:
        connection = store.link._connection
        send = connection.pack_commands
        patch.setattr(connection, "pack_commands", lambda of: (commands.extend(of), send(of))[1])
        act()
    return commands


def test_a_list_of_runs_reads_no_parameters(client: Client) -> None:
    commands = sent_by(client, lambda: client.runs(10))
    assert {command[0] for command in commands} == {"HMGET", "HSTRLEN"}
    fields = {field for command in commands for field in command[2:]}
    assert "dag" in fields
    assert "params" not in fields


def test_overlong_values_are_never_transferred(client: Client, planted: CorruptNamespace) -> None:
    """A name of 1 MB, an error of 5 MB; and ``ls`` read parameters of 20 MB."""
    commands = sent_by(client, lambda: (client.runs(1000), client.dead_letters(limit=1000)))
    asked, read = (
        {(key, field) for name, key, *fields in commands for field in fields if name == wanted}
        for wanted in ("HSTRLEN", "HMGET")
    )
    (run,) = [run for run, what in planted.damaged.items() if what == f"dag is {b'x' * 20!r}"]
    for large in ((planted.keys.run(run), "dag"), (planted.keys.errors("large-error"), 1)):
        assert large in asked
        assert large not in read
    assert (planted.keys.errors("failed"), 1) in read


def test_readable_failures_are_listed(client: Client, planted: CorruptNamespace) -> None:
    letters = client.dead_letters(limit=1000)
    assert [(letter.run_id, letter.task) for letter in letters] == [
        ("large-error", "breaks"),
        ("failed", "breaks"),
    ]
    assert letters[0].error_type == "Unreadable"
    names = [item.name for item in letters.damaged]
    records = [run for run, what in planted.unreadable.items() if what.startswith("record: b'")]
    records.remove(next(run for run in records if planted.unreadable[run] == "record: b''"))
    assert {f"{run}, task 1" for run in records} <= set(names)
    assert len(names) >= len(WRONG_DEAD) + len(records) - 2


def test_the_names_of_a_listing_have_a_bounded_cost(
    client: Client, planted: CorruptNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of many letters may name another graph of two million tasks, and reading one takes 6 s.

    Names are read up to a number of bytes; then tasks go by their numbers, and no graph is read.
    """
    record = planted.keys.run("failed")
    digest = planted.server.hget(record, "graph").decode()
    size = planted.server.strlen(planted.keys.graph(digest))
    with client.shards[0].store() as store:
        names = _Names(store)
        assert names.of(digest, 1) == ("breaks", None)
        assert names.of(digest, 10_000) == ("task 10000", None)
        monkeypatch.setattr("flowkit.client.dead_letters.NAMES_BYTES", size - 1)
        names = _Names(store)
        assert names.of(digest, 1) == ("task 1", None)
        reads: list[object] = []
        monkeypatch.setattr(store, "read_task_names", lambda *_: reads.append("a graph"))
        assert names.of("0" * 64, 1) == ("task 1", None)
        assert reads == []


def test_an_overlong_list_is_read_up_to_its_bound(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowkit.protocol.list_reads.DEAD_PART", 2)
    monkeypatch.setattr("flowkit.protocol.list_reads.MAX_DEAD", 4)
    with client.shards[0].store() as store:
        parts = list(store.read_dead(0))
    assert [len(part) + len(part.damaged) for part in parts] == [2, 2]


def test_live_workers_are_listed_with_their_faults(client: Client) -> None:
    workers = client.workers()
    known = {worker.worker: worker for worker in workers}
    honest = known.pop("honest")
    assert (honest.pid, honest.queues[0], honest.damaged) == (7, "default", "")
    assert len(known) >= 10
    assert all(item.damaged and item.queues == () for item in known.values())
    assert len(workers.damaged) == 4


def test_a_client_tells_whether_a_scheduler_leads(server_url: str) -> None:
    with corrupt_namespace(server_url) as planted:
        planted.server.delete(planted.keys.leader())
        with Client.connect(planted.url, planted.namespace) as client:
            assert dict(client.scheduler().missing) == {"0/1": "No scheduler is running"}
            assert not client.scheduler().leads
            client.shards[0]._store.link.call("SET", planted.keys.leader(), f"s,1,{10**14}")
            assert client.scheduler().leads


def test_garbage_is_not_a_leader(client: Client) -> None:
    with client.shards[0].store() as store, pytest.raises(UnhealthyError):
        check_scheduler(store)


@pytest.mark.parametrize("lease", ["", "x", "s,1,", "s,1,soon", "s,1," + "9" * 5000])
def test_an_unreadable_lease_is_not_a_leader(altered: CorruptNamespace, lease: str) -> None:
    altered.server.delete(altered.keys.leader())
    altered.server.set(altered.keys.leader(), lease)
    with (
        Client.connect(altered.url, altered.namespace) as client,
        client.shards[0].store() as store,
        pytest.raises(UnhealthyError),
    ):
        check_scheduler(store)


@pytest.mark.parametrize("key", ["runs", "dead", "workers"])
def test_a_list_of_another_type_is_named(altered: CorruptNamespace, key: str) -> None:
    name = getattr(altered.keys, key)()
    altered.server.delete(name)
    altered.server.rpush(name, "x")
    with Client.connect(altered.url, altered.namespace) as client:
        if key == "workers":
            assert [worker.name for worker in client.workers().damaged] == [name]
            return
        with pytest.raises(FlowkitError, match=f"the list '{name}' in Redis is damaged"):
            client.runs() if key == "runs" else client.dead_letters()


# -- one run -----------------------------------------------------------------------------------


def test_a_damaged_run_says_so(client: Client, planted: CorruptNamespace) -> None:
    for run, what in planted.damaged.items():
        with pytest.raises(RunDamaged) as caught:
            client.run(run)
        assert str(caught.value).startswith(f"run '{run}' is damaged in Redis: "), what
        assert caught.value.run_id == run
        assert len(str(caught.value)) < 500


def test_unreadable_parts_of_a_run_are_reported(client: Client, planted: CorruptNamespace) -> None:
    for run, what in planted.unreadable.items():
        handle = client.run(run)
        with pytest.raises((RunDamaged, RunLost)) as caught:
            handle.status()
        assert run in str(caught.value), what
        assert len(str(caught.value)) < 500
        with pytest.raises(FlowkitError):
            handle.results()


def test_waiting_for_a_damaged_run_ends(client: Client, planted: CorruptNamespace) -> None:
    handle = client.run("failed")
    planted.put_run("broken", 9, state=b"running")
    broken = client.run("broken")
    planted.put_run("broken", 9, state=b"banana")
    with pytest.raises(RunDamaged):
        broken.wait(5)
    with pytest.raises(RunDamaged):
        client.wait_all([handle, broken], 5)
    planted.server.delete(planted.keys.run("broken"))
    planted.server.zrem(planted.keys.runs(), "broken")


def test_a_dead_letter_with_damaged_parameters_is_opened(
    client: Client, planted: CorruptNamespace
) -> None:
    letter = client.dead_letter("failed", "breaks")
    assert letter.damaged == ""
    assert list(letter.params) == ["param", "a\nFORGED"]
    planted.put_run("failed", 3, params=b"\xc1")
    letter = client.dead_letter("failed", "breaks")
    assert letter.params == {}
    assert letter.damaged.startswith("its parameters cannot be read")
    planted.put_run("failed", 3)
