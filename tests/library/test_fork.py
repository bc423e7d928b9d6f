"""What a forked child does with its parent's clients, stores and systems: it disturbs none of them.

Web servers fork after they have loaded the program (gunicorn ``--preload``, uwsgi), and so does
multiprocessing on Linux.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from flowkit import DAG, Client, StateManager, Task
from flowkit.basics.per_process import PerProcess
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import StateError, WaitTimeout
from flowkit.protocol.feed import Feed
from flowkit.protocol.link import Link
from flowkit.system import LocalSystem

pytestmark = pytest.mark.filterwarnings("ignore:This process .* multi-threaded:DeprecationWarning")
WORD = 20.0  # seconds that a child may take


def forked(what: Callable[[], object]) -> int:
    """Fork a child that does ``what`` and ends with 0 if it is true; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    with suppress(BaseException):
        signal.alarm(int(WORD))  # a child that hangs ends, and fails the test
        code = 0 if what() else 3
    os._exit(code)


def ended_well(pid: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def work(n: int = 1) -> int:
    return n


@pytest.fixture
def client(fake_server: EmbeddedServer, namespace: str):
    with Client.connect(fake_server.url, namespace) as client:
        yield client


@pytest.fixture
def runs(client: Client):
    """Two runs of DAGs of different names."""
    dags, task = [DAG("left"), DAG("right")], Task(work)
    for dag in dags:
        dag.add(task)
    return {dag.name: client.submit(dag) for dag in dags}


def test_two_children_read_their_own_runs_over_a_client_made_before_the_fork(runs) -> None:
    """On the parent's connection each would get the other one's replies."""

    def reads_only(name: str) -> bool:
        return all(runs[name].record().dag_name == name for _ in range(300))

    children = [forked(lambda name=name: reads_only(name)) for name in runs]
    assert reads_only("left"), "so does the parent"
    assert [ended_well(pid) for pid in children] == [True, True]


def test_multiprocessing_by_fork_is_a_fork_like_any_other(client: Client, runs) -> None:
    def read(name: str) -> None:
        for _ in range(100):
            assert client.run(runs[name].run_id).record().dag_name == name

    context = multiprocessing.get_context("fork")
    children = [context.Process(target=read, args=(name,)) for name in runs]
    for child in children:
        child.start()
    for child in children:
        child.join(WORD)
    assert [child.exitcode for child in children] == [0, 0]


def test_a_child_does_not_wait_for_a_call_that_a_thread_of_its_parent_makes(
    client: Client, runs
) -> None:
    calling, forked_off = threading.Event(), threading.Event()

    def call() -> None:
        with client.shards[0].store():
            calling.set()
            forked_off.wait(WORD)

    thread = threading.Thread(target=call)
    thread.start()
    calling.wait(WORD)
    pid = forked(lambda: runs["left"].record().dag_name == "left")
    forked_off.set()
    assert ended_well(pid)
    thread.join()


def socket_of(connected: Feed | Link) -> int:
    """Return what tells one socket from another, whichever process has it."""
    return os.fstat(connected._connection._sock.fileno()).st_ino


def test_a_child_listens_on_its_own_connection(client: Client, runs) -> None:
    with suppress(WaitTimeout):
        runs["left"].wait(0.01)  # leaves a connection that the next wait takes
    (feed,) = client.shards[0]._feeds.get()
    parents = socket_of(feed)

    def listens_elsewhere() -> bool:
        with client.shards[0].feed(runs["left"].run_id) as own:
            elsewhere = socket_of(own) != parents
        feed.listen("r")  # one that was in use when its process forked
        return elsewhere and socket_of(feed) != parents

    assert ended_well(forked(listens_elsewhere))


@pytest.mark.parametrize("leave", [Feed.leave, Feed.close, lambda feed: feed.next(0.01)])
def test_a_child_that_leaves_a_feed_does_not_leave_it_for_its_parent(
    fake_server: EmbeddedServer, namespace: str, leave: Callable[[Feed], None]
) -> None:
    feed, link = Feed(fake_server.url, namespace), Link(fake_server.url)
    feed.listen("r")
    assert ended_well(forked(lambda: leave(feed) is None))
    assert link.call("PUBLISH", feed._keys.feed("r"), "over") == 1, "one listens: the parent"
    feed.close()
    link.close()


def test_a_child_closes_no_connection_of_its_parent(fake_server: EmbeddedServer) -> None:
    link = Link(fake_server.url)
    link.call("PING")
    before = socket_of(link)

    def close() -> bool:
        link.interrupt()
        link.close()
        link.call("PING")
        return socket_of(link) != before

    assert ended_well(forked(close))
    with link.impatient():
        link.call("PING")
    assert socket_of(link) == before, "the parent need not connect anew"
    link.close()


# -- state -----------------------------------------------------------------------------------------


def test_a_child_that_leaves_a_batch_neither_writes_nor_unlocks(tmp_path: Path) -> None:
    """Its parent would continue without the lock, and another writer's update would be lost."""
    path = tmp_path / "state.json"
    state = StateManager(path)
    batch = state.batch()
    batch.__enter__()
    state.set("parents", 1)
    assert ended_well(forked(lambda: batch.__exit__(None, None, None) or not path.exists()))
    with pytest.raises(StateError, match="is locked"):
        StateManager(path, lock_timeout=0.02).set("others", 2)
    batch.__exit__(None, None, None)
    assert StateManager(path).get_all() == {"parents": 1}


def test_what_a_child_sets_in_its_parents_batch_is_written(tmp_path: Path) -> None:
    state = StateManager(tmp_path / "state.json")

    def sets() -> bool:
        state.set("childs", 2)
        return bool(state.get("childs") == 2)

    with state.batch():
        state.set("parents", 1)
        pid = forked(sets)  # waits for the batch, as any other process does
    assert ended_well(pid)
    assert state.get_all() == {"parents": 1, "childs": 2}


def test_a_child_may_use_a_store_that_a_thread_of_its_parent_is_using(tmp_path: Path) -> None:
    state, forked_off, using = StateManager(), threading.Event(), threading.Event()

    def use() -> None:
        with state.batch():
            using.set()
            forked_off.wait(WORD)

    thread = threading.Thread(target=use)
    thread.start()
    using.wait(WORD)
    pid = forked(lambda: state.set("key", 1) or state.get("key") == 1)
    forked_off.set()
    assert ended_well(pid)
    thread.join()


# -- systems ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_child_that_stops_the_system_stops_nothing(tmp_path: Path) -> None:
    """As the end of its ``with`` block does when a child runs into it."""
    (tmp_path / "app.py").write_text("from flowkit import task\n\n@task\ndef one(): return 1\n")
    with LocalSystem(str(tmp_path / "app.py"), processes=1) as system:
        system.wait_ready()
        assert ended_well(forked(lambda: system.stop() is None))
        with system.client(patience=0.0) as client:
            assert client.runs() == []
        system.check()


# -- the tool --------------------------------------------------------------------------------------


def test_all_threads_of_a_child_get_the_same_value() -> None:
    made = PerProcess(object)
    parents = made.get()

    def agree() -> bool:
        values: list[object] = []
        together = threading.Barrier(4)

        def get() -> None:
            together.wait()
            values.append(made.get())

        threads = [threading.Thread(target=get) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(set(map(id, values))) == 1 and values[0] is not parents

    assert made.get() is parents
    assert ended_well(forked(agree))
