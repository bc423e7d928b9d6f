"""Health checks tell a role that works from one that does not, by what the store says."""

from __future__ import annotations

import socket
import threading

import msgpack
import pytest
from helpers import free_port

from flowkit.daemon.health import CHECKS, main
from flowkit.embedded import EmbeddedServer
from flowkit.protocol.link import Link
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.worker_store import WorkerStore

LEASE_MS = 60_000


@pytest.fixture
def link(fake_server: EmbeddedServer, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Link:
    """A link to the store that the settings point the health check to."""
    monkeypatch.setenv("FLOWKIT_REDIS_URL", fake_server.url)
    monkeypatch.setenv("FLOWKIT_NAMESPACE", namespace)
    return Link(fake_server.url)


def enlist(link: Link, namespace: str, host: str) -> None:
    about: bytes = msgpack.packb({"host": host})
    WorkerStore(link, namespace).heartbeat("w0000001", LEASE_MS, [], about)


def test_no_scheduler_leads(link: Link, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scheduler"]) == 1
    assert capsys.readouterr().err == "no scheduler leads in this namespace\n"


def test_a_scheduler_leads(link: Link, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    SchedulerStore(link, namespace, "s1").acquire_lease(LEASE_MS)
    assert main(["scheduler"]) == 0
    assert capsys.readouterr().out == "a scheduler leads\n"


def test_a_worker_of_this_host_holds_its_lease(
    link: Link, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    enlist(link, namespace, socket.gethostname())
    assert main(["worker"]) == 0
    assert "worker w0000001 on" in capsys.readouterr().out


def test_a_worker_of_another_host_does_not_count(
    link: Link, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    enlist(link, namespace, "elsewhere")
    assert main(["worker"]) == 1
    assert f"no worker on host {socket.gethostname()!r}" in capsys.readouterr().err


def test_an_unreadable_description_is_not_a_worker_of_this_host(link: Link, namespace: str) -> None:
    WorkerStore(link, namespace).heartbeat("w0000001", LEASE_MS, [], b"\xc1")
    assert main(["worker"]) == 1


def test_redis_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLOWKIT_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    assert main(["worker"]) == 1
    assert "cannot use Redis" in capsys.readouterr().err


def test_without_a_url_the_error_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FLOWKIT_REDIS_URL", raising=False)
    assert main(["scheduler"]) == 1
    assert capsys.readouterr().err == "FLOWKIT_REDIS_URL is not set\n"


class TestSeveralShards:
    """Two namespaces of the same server are two shards."""

    @pytest.fixture
    def other(
        self,
        link: Link,
        namespace: str,
        fake_server: EmbeddedServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> str:
        """The namespace of the second one."""
        urls = f"{fake_server.url} {fake_server.url}#{namespace}.2"
        monkeypatch.setenv("FLOWKIT_REDIS_URL", urls)
        return f"{namespace}.2"

    def test_each_shard_must_have_a_leader(
        self, link: Link, namespace: str, other: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        SchedulerStore(link, namespace, "s1", shard_position="0/2").acquire_lease(LEASE_MS)
        assert main(["scheduler"]) == 1
        assert capsys.readouterr().err == "shard 1/2: no scheduler leads in this namespace\n"
        SchedulerStore(link, other, "s1", shard_position="1/2").acquire_lease(LEASE_MS)
        assert main(["scheduler"]) == 0
        messages = "shard 0/2: a scheduler leads; shard 1/2: a scheduler leads\n"
        assert capsys.readouterr().out == messages

    def test_an_unreachable_shard_is_reported_but_the_daemon_is_healthy(
        self,
        link: Link,
        namespace: str,
        fake_server: EmbeddedServer,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        nobody = f"redis://127.0.0.1:{free_port()}/0"
        monkeypatch.setenv("FLOWKIT_REDIS_URL", f"{fake_server.url} {nobody}")
        enlist(link, namespace, socket.gethostname())
        assert main(["worker"]) == 0
        result = capsys.readouterr().out
        assert "shard 0/2: worker w0000001 on" in result
        assert f"shard 1/2: cannot use Redis at {nobody}" in result
        monkeypatch.setenv("FLOWKIT_REDIS_URL", f"{nobody} {nobody}#x")
        assert main(["worker"]) == 1

    def test_all_shards_are_asked_in_parallel(
        self, link: Link, other: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One after the other, those that hang took longer than a container has."""
        together = threading.Barrier(2, timeout=20)
        monkeypatch.setitem(CHECKS, "worker", lambda store: str(together.wait()))
        assert main(["worker"]) == 0


@pytest.mark.parametrize("words", [[], ["nonsense"], ["worker", "scheduler"]])
def test_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("usage: ")
