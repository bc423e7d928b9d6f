"""A certificate for another host is refused, by Redis and by a sentinel, unless the URL says so.

Seen with redis-py 5.1: any certificate that a trusted authority had signed was taken, for any host.
"""

from __future__ import annotations

import logging
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import free_port
from real_redis import RealRedis
from secured import Certificates, speaks_tls
from sentinel import NamesMaster

from flowkit.exceptions import BadRedisURL, RedisUnavailable
from flowkit.protocol.connection import new_connection
from flowkit.protocol.link import Link

needs_tls = pytest.mark.skipif(
    not speaks_tls(), reason="redis-server has no TLS here, or there is no openssl"
)
SCHEMES = ["rediss://host", "rediss+sentinel://host/master"]


@pytest.fixture(autouse=True)
def no_warnings_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowkit.events.warn_once._warned", set())


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("ours")).make()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate that is valid, and for a host that is not ours."""
    return Certificates(tmp_path_factory.mktemp("other"), "DNS:other.example,IP:192.0.2.1").make()


@contextmanager
def redis_with(certificates: Certificates, folder: Path) -> Iterator[int]:
    server, port = RealRedis(folder), free_port()
    server.start(
        *("--tls-port", str(port), "--tls-ca-cert-file", str(certificates.ca)),
        *("--tls-cert-file", str(certificates.certificate)),
        *("--tls-key-file", str(certificates.key), "--tls-auth-clients", "no"),
    )
    try:
        yield port
    finally:
        server.stop()


class TLSServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that refuses our certificate hangs up; that is the point."""


@contextmanager
def sentinel_with(certificates: Certificates, master: int) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    with TLSServer(("127.0.0.1", 0), NamesMaster) as server:
        server.names = master  # type: ignore[attr-defined]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


def ping(url: str) -> object:
    link = Link(url, patience=0.0)
    try:
        return link.call("PING")
    finally:
        link.close()


@pytest.mark.slow
@needs_tls
def test_a_certificate_for_another_host_is_refused(
    other: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_with(other, tmp_path / "redis") as port:
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={other.ca}"
        with pytest.raises(RedisUnavailable, match=r"certificate is not valid for '127\.0\.0\.1'"):
            ping(url)
        assert caplog.messages == []
        assert ping(f"{url}&ssl_check_hostname=false") == b"PONG"
        assert ping(f"{url}&ssl_check_hostname=false") == b"PONG"
        (warning,) = caplog.messages
        assert "no protection against impostors, because of ssl_check_hostname=false" in warning


@pytest.mark.slow
@needs_tls
def test_a_certificate_of_an_unknown_authority_is_refused(
    ours: Certificates, other: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_with(ours, tmp_path / "redis") as port:
        url = f"rediss://127.0.0.1:{port}/0"
        with pytest.raises(RedisUnavailable, match="certificate verify failed"):
            ping(f"{url}?ssl_ca_certs={other.ca}")
        assert ping(f"{url}?ssl_ca_certs={ours.ca}") == b"PONG"
        assert caplog.messages == []
        assert ping(f"{url}?ssl_cert_reqs=none") == b"PONG"
        assert "ssl_cert_reqs=none: any server is accepted" in caplog.text


@needs_tls
def test_a_sentinel_with_the_wrong_host_name_is_not_trusted(
    ours: Certificates, other: Certificates, tmp_path: Path
) -> None:
    with (
        redis_with(other, tmp_path / "redis") as master,
        sentinel_with(other, master) as port,
        pytest.raises(RedisUnavailable) as caught,
    ):
        ping(f"rediss+sentinel://127.0.0.1:{port}/mymaster?ssl_ca_certs={other.ca}")
    assert "no sentinel names the master 'mymaster'" in str(caught.value)
    assert "certificate is not valid for '127.0.0.1'" in str(caught.value)


@pytest.mark.slow
@needs_tls
def test_the_certificate_of_a_master_must_name_the_address_given_by_the_sentinel(
    ours: Certificates, other: Certificates, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_text(ours.ca.read_text() + other.ca.read_text())
    with redis_with(other, tmp_path / "redis") as master, sentinel_with(ours, master) as port:
        url = f"rediss+sentinel://127.0.0.1:{port}/mymaster?ssl_ca_certs={both}"
        with pytest.raises(RedisUnavailable) as caught:
            ping(url)
        assert "no sentinel names" not in str(caught.value)
        assert "certificate is not valid for '127.0.0.1'" in str(caught.value)
        assert ping(f"{url}&ssl_check_hostname=false") == b"PONG"


@needs_tls
def test_tls_works_end_to_end_if_both_names_match(ours: Certificates, tmp_path: Path) -> None:
    with redis_with(ours, tmp_path / "redis") as master, sentinel_with(ours, master) as port:
        url = f"rediss+sentinel://127.0.0.1:{port}/mymaster?ssl_ca_certs={ours.ca}"
        assert ping(url) == b"PONG"


# -- what is checked silently ---------------------------------------------------------------


def options(url: str) -> list[tuple[object, ...]]:
    """Return what is checked of the Redis, and of its sentinels if there are some."""
    connection = new_connection(url, name="flowkit", read_timeout=1)
    result = [(connection.cert_reqs, connection.check_hostname, connection.ssl_min_version)]
    if hasattr(connection, "sentinels"):
        given = connection.sentinels._options
        assert given["ssl_cert_reqs"] == connection.cert_reqs.name[5:].lower()
        result.append((result[0][0], given["ssl_check_hostname"], given["ssl_min_version"]))
    return result


@pytest.mark.parametrize("url", SCHEMES)
@pytest.mark.parametrize(
    ("query", "checked"),
    [
        ("", (ssl.CERT_REQUIRED, True, ssl.TLSVersion.TLSv1_2)),
        ("?ssl_min_version=772", (ssl.CERT_REQUIRED, True, ssl.TLSVersion.TLSv1_3)),
        ("?ssl_check_hostname=true", (ssl.CERT_REQUIRED, True, ssl.TLSVersion.TLSv1_2)),
        ("?ssl_check_hostname=0", (ssl.CERT_REQUIRED, False, ssl.TLSVersion.TLSv1_2)),
        ("?ssl_cert_reqs=optional", (ssl.CERT_OPTIONAL, True, ssl.TLSVersion.TLSv1_2)),
        ("?ssl_cert_reqs=none", (ssl.CERT_NONE, False, ssl.TLSVersion.TLSv1_2)),
    ],
)
def test_a_check_is_disabled_only_by_the_url(
    url: str, query: str, checked: tuple[object, ...]
) -> None:
    assert set(options(url + query)) == {checked}


@pytest.mark.parametrize("url", SCHEMES)
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?ssl_min_version=770", "must be 771"),  # TLS 1.1
        ("?ssl_min_version=-2", "must be 771"),  # whatever the library can do
        ("?ssl_min_version=TLSv1", "ssl_min_version"),
        ("?ssl_cert_reqs=None", "must be required, optional or none"),
        ("?ssl_ca_certs=/no/ca.pem", "ssl_ca_certs names '/no/ca.pem', which cannot be read: No"),
        ("?ssl_certfle=x", "did you mean 'ssl_certfile'"),
    ],
)
def test_options_that_make_no_sense_are_refused(url: str, query: str, says: str) -> None:
    with pytest.raises(BadRedisURL, match=says):
        new_connection(url + query, name="flowkit", read_timeout=1)


def test_the_warning_shows_no_password(caplog: pytest.LogCaptureFixture) -> None:
    Link("rediss://:s3cr3t@host?ssl_cert_reqs=none")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.event == "tls_unchecked"  # type: ignore[attr-defined]
    assert "rediss://:***@host?ssl_cert_reqs=none" in record.getMessage()
