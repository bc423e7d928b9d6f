"""Redis over TLS, and behind Sentinel: a whole run each, and what is refused says so."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import fault_app as app
import pytest
from helpers import free_port, wait_until
from pipeline import went_well
from real_redis import RealRedis
from real_system import System
from secured import Certificates, Sentinel, has_copied, replica_of, speaks_tls
from sentinel import NamesMaster

from flowkit import DAG
from flowkit.exceptions import RedisUnavailable
from flowkit.protocol.link import Link

needs_tls = pytest.mark.skipif(
    not speaks_tls(), reason="redis-server has no TLS here, or there is no openssl"
)

# -- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "tls").make()


@pytest.fixture
def port(certificates: Certificates, tmp_path: Path) -> Iterator[int]:
    """The port at which a Redis speaks TLS and wants a certificate from clients too."""
    server, port = RealRedis(tmp_path / "redis"), free_port()
    server.start(
        *("--tls-port", str(port), "--tls-ca-cert-file", str(certificates.ca)),
        *("--tls-cert-file", str(certificates.certificate)),
        *("--tls-key-file", str(certificates.key), "--requirepass", ""),
    )
    yield port
    server.stop()


@pytest.mark.slow
@needs_tls
def test_a_whole_run_over_tls(port: int, certificates: Certificates, tmp_path: Path) -> None:
    url = (
        f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificates.ca}"
        f"&ssl_certfile={certificates.certificate}&ssl_keyfile={certificates.key}"
    )
    system = System(url, "shop", tmp_path)
    try:
        system.start("--processes", "1")
        with system.client() as client:
            went_well(client)
    finally:
        system.close()


@pytest.mark.slow
@needs_tls
@pytest.mark.parametrize(
    ("scheme", "query", "says"),
    [("rediss", "", "certificate verify failed"), ("redis", "", "cannot use Redis at")],
)
def test_clients_without_trust_or_tls_get_a_clear_error(
    port: int, scheme: str, query: str, says: str
) -> None:
    link = Link(f"{scheme}://127.0.0.1:{port}/0{query}", patience=0.0)
    with pytest.raises(RedisUnavailable, match=says):
        link.call("PING")
    link.close()


# -- Sentinel -------------------------------------------------------------------------------------


@pytest.fixture
def master(tmp_path: Path) -> Iterator[RealRedis]:
    server = RealRedis(tmp_path / "master")
    server.start("--repl-diskless-sync-delay", "0")
    yield server
    server.stop()


@pytest.fixture
def replica(master: RealRedis, tmp_path: Path) -> Iterator[RealRedis]:
    server = replica_of(master, tmp_path / "replica")
    yield server
    server.stop()


@pytest.fixture
def sentinel(master: RealRedis, replica: RealRedis, tmp_path: Path) -> Iterator[Sentinel]:
    sentinel = Sentinel(tmp_path / "sentinel", master)
    wait_until("the sentinel knows the replica", sentinel.knows_a_replica)
    yield sentinel
    sentinel.stop()


def test_a_run_continues_after_a_failover(
    master: RealRedis, replica: RealRedis, sentinel: Sentinel, tmp_path: Path
) -> None:
    """The first of the sentinels named is down: the next one is asked."""
    url = f"redis+sentinel://127.0.0.1:1,{sentinel.host}/mymaster/0"
    system = System(url, "shop", tmp_path)
    with DAG("through") as dag:
        app.held.bind("held", gate="a") >> app.quick.bind("behind")
    try:
        scheduler, worker = system.start("--processes", "1")
        with system.client() as client:
            went_well(client)
            run = client.submit(dag)
            system.started("held")
            assert has_copied(master), "the replica has all that was written"
            master.kill()
            sentinel.look_closely()
            wait_until(
                "the replica is the master", lambda: sentinel.master_port() == replica.port, 30
            )
            system.open_gate("a")
            assert run.wait_results(60) == {"held": 1, "behind": 1}
            assert len(system.executions("held")) == 1
        assert "Waiting for Redis" in scheduler.log + worker.log
        assert "Redis answers again after" in scheduler.log + worker.log
    finally:
        system.close()


def test_a_replica_is_never_taken_for_the_master(replica: RealRedis) -> None:
    """A sentinel that is behind still names the one that is a replica by now."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), NamesMaster) as behind:
        behind.daemon_threads = True
        behind.names = replica.port  # type: ignore[attr-defined]
        threading.Thread(target=behind.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{behind.server_address[1]}"
        link = Link(f"redis+sentinel://{host}/mymaster", patience=0.0)
        with pytest.raises(RedisUnavailable, match="is not the master now"):
            link.call("TIME")
        link.close()
        behind.shutdown()


def test_a_name_unknown_to_all_sentinels_is_reported(sentinel: Sentinel) -> None:
    link = Link(f"redis+sentinel://{sentinel.host}/nobody", patience=0.0)
    with pytest.raises(RedisUnavailable) as caught:
        link.call("TIME")
    link.close()
    assert f"no sentinel names the master 'nobody' ({sentinel.host} knows no" in str(caught.value)
