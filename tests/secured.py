"""Redis servers with a password, with TLS, with users, and watched by sentinels."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import redis
from helpers import free_port, wait_until
from real_redis import RealRedis


@dataclass
class Certificates:
    """An authority, and a certificate that it has signed for 127.0.0.1, or for other ``names``."""

    folder: Path
    names: str = "IP:127.0.0.1,DNS:localhost"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "redis.pem"

    @property
    def key(self) -> Path:
        return self.folder / "redis.key"

    def make(self) -> Certificates:
        """Make them with ``openssl``, which must be there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=ca"),
            # Since Python 3.13 a certificate has to say what its key is for.
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-keyout", "ca.key", "-out", "ca.pem"),
        )
        self._openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=redis"),
            *("-keyout", "redis.key", "-out", "redis.csr"),
        )
        names = self.folder / "names"
        names.write_text(
            f"subjectAltName={self.names}\n"
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        self._openssl(
            *("x509", "-req", "-in", "redis.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-days", "2", "-extfile", str(names), "-out", "redis.pem"),
        )
        return self

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)


def speaks_tls() -> bool:
    """Return whether the server on PATH was built with TLS, and ``openssl`` is there."""
    server = shutil.which("redis-server")
    if server is None or shutil.which("openssl") is None:
        return False
    words = [server, "--port", "0", "--tls-port", "0", "--unixsocket", ""]
    said = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    return "Bad directive" not in said.stdout + said.stderr


class Sentinel:
    """One sentinel process that watches ``master`` under the name ``mymaster``."""

    def __init__(self, folder: Path, master: RealRedis) -> None:
        self.port = free_port()
        folder.mkdir(parents=True)
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\nlogfile {folder}/sentinel.log\n"
            f"sentinel monitor mymaster 127.0.0.1 {master.port} 1\n"
            # A busy machine must not cost the master its place: see ``look_closely``.
            "sentinel down-after-milliseconds mymaster 60000\n"
            "sentinel failover-timeout mymaster 3000\n"
        )
        self.process = subprocess.Popen([master.executable, str(config), "--sentinel"])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def master_port(self) -> int:
        """Return the port of whom it believes to be the master, 0 while it does not answer."""
        try:
            with redis.Redis(port=self.port, protocol=2, decode_responses=True) as client:
                return int(client.sentinel_master("mymaster")["port"])
        except redis.RedisError:
            return 0

    def knows_a_replica(self) -> bool:
        """Return whether there is somebody who could take the master's place."""
        try:
            with redis.Redis(port=self.port, protocol=2, decode_responses=True) as client:
                return int(client.sentinel_master("mymaster")["num-slaves"]) > 0
        except redis.RedisError:
            return False

    def look_closely(self) -> None:
        """Take a master that is silent for half a second for dead, from now on."""
        with redis.Redis(port=self.port, protocol=2) as client:
            client.sentinel_set("mymaster", "down-after-milliseconds", 500)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def has_copied(master: RealRedis, replicas: int = 1) -> bool:
    """Wait until so many replicas have all that ``master`` has written; return whether they have.

    ``WAIT`` waits for the writes of its own connection, and does not wait at all without one.
    """
    with master.client() as client:
        client.set("copied", "")
        return int(client.wait(replicas, 20_000)) >= replicas


def replica_of(master: RealRedis, folder: Path) -> RealRedis:
    """Start a replica and wait until it has all that the master has."""
    replica = RealRedis(folder)
    replica.start("--replicaof", "127.0.0.1", str(master.port), "--repl-diskless-sync-delay", "0")

    def in_step() -> bool:
        with replica.client() as client:
            return client.info("replication")["master_link_status"] == "up"

    try:
        wait_until("the replica has copied its master", in_step)
    except BaseException:
        replica.stop()
        raise
    return replica


def command_lines() -> str:
    """Return the command lines of all processes of this machine, as ``ps`` shows them."""
    result = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                result.append((folder / "cmdline").read_bytes().replace(b"\0", b" "))
            except OSError:
                continue
    return b"\n".join(result).decode("utf-8", "replace")
