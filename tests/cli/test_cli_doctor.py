"""``flowkit doctor``: what is wrong with a system, what to do about it, and the exit code."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
from console import Run
from helpers import free_port
from open_server import OpenServer
from real_redis import RealRedis

from flowkit.protocol.keys import SCHEMA, Keys
from flowkit.protocol.link import Link


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RealRedis]:
    server = RealRedis(tmp_path / "redis")
    yield server
    if server.process is not None:
        server.kill()


def found(
    flowkit: Run, url: str, *words: str, namespace: str = "doc"
) -> dict[str, tuple[str, str]]:
    """Return the health and the words of each subject."""
    where = {"FLOWKIT_REDIS_URL": url, "FLOWKIT_NAMESPACE": namespace}
    done = flowkit("doctor", "--seconds", "0", "--json", *words, **where)
    document = json.loads(done.stdout)
    codes = {"ok": 0, "warning": 6, "problem": 7}
    assert done.returncode == codes[document["health"]], done.stderr
    return {
        item["subject"]: (item["health"], f"{item['text']} {item['advice']}")
        for item in document["findings"]
    }


@pytest.mark.promise("sight-14")
def test_a_running_system_is_well_but_for_its_persistence(talk: Run) -> None:
    done = talk("doctor")
    assert "problem" not in done.stdout, done.stdout
    assert done.returncode == 6
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()[1:]]
    health = {subject: state for state, subject, *_ in lines}
    assert health["Scheduler"] == health["Workers"] == health["Writes"] == "ok"
    assert health["Persistence"] == "warning"
    assert "appendonly yes" in done.stdout
    assert "warning" in done.stderr
    assert "Scheduler" not in talk("doctor", "--quiet", "--seconds", "0").stdout


@pytest.mark.promise("sight-14")
def test_an_empty_redis_has_no_daemons(flowkit: Run, redis: RealRedis) -> None:
    redis.aof = True
    findings = found(flowkit, redis.start().url)
    assert findings["Scheduler"][0] == findings["Workers"][0] == "problem"
    assert "Start flowkit-scheduler." in findings["Scheduler"][1]
    assert findings["Persistence"][0] == findings["Eviction"][0] == "ok"
    assert findings["Failed tasks"][0] == findings["Quarantine"][0] == "ok"


def test_a_full_redis_that_evicts(flowkit: Run, redis: RealRedis) -> None:
    redis.start("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    findings = found(flowkit, redis.url)
    assert findings["Eviction"][0] == "problem"
    assert "noeviction" in findings["Eviction"][1]
    assert findings["Memory"][0] == "ok"
    with redis.client() as admin:
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", "1mb")
    findings = found(flowkit, redis.url)
    assert findings["Memory"][0] == findings["Writes"][0] == "problem"
    assert "flowkit usage" in findings["Memory"][1]
    assert "Redis refuses writes" in findings["Writes"][1]


def test_what_was_set_aside_and_what_workers_lack(flowkit: Run, redis: RealRedis) -> None:
    link, keys = Link(redis.start().url), Keys("doc")
    about = {"app": "shop", "queues": ["default"], "processes": 2, "ready": 2, "version": "0.0.1"}
    for name, version in (("one", "1.0"), ("two", "\x1b[2J"), ("three", "2.0")):
        packed = msgpack.packb({**about, "app_version": version})
        link.call("ZADD", keys.workers(), 10**14, name)
        link.call("HSET", keys.worker(name), "about", packed)
    link.call("ZADD", keys.dead(), 1, "r,1")
    link.call("LPUSH", keys.quarantine(), "x", "y")
    link.call("HSET", keys.levels(), "gpu", "5")
    link.call("RPUSH", keys.ready("gpu", "5"), "r,0,1")
    link.close()
    findings = found(flowkit, redis.url)
    assert findings["Releases"][0] == findings["Apps"][0] == findings["Workers"][0] == "warning"
    assert "1 cannot be read: two: its description is damaged" in findings["Workers"][1]
    assert "shop (1.0, 2.0)" in findings["Apps"][1]
    assert findings["Failed tasks"][0] == findings["Quarantine"][0] == "warning"
    assert "flowkit dead ls" in findings["Failed tasks"][1]
    assert findings["Queues"][0] == "problem"
    assert "--queues gpu" in findings["Queues"][1]


def test_damaged_keys_do_not_end_it(flowkit: Run, redis: RealRedis) -> None:
    link, keys = Link(redis.start().url), Keys("doc")
    link.call("SET", keys.schema(), SCHEMA)
    for key in (keys.levels(), keys.dead(), keys.quarantine(), keys.events(), keys.delayed()):
        link.call("SADD", key, "x")
    link.call("LPUSH", keys.leader(), "x")
    link.call("HSET", keys.workers(), "x", "y")
    link.close()
    findings = found(flowkit, redis.url)
    assert findings["Data"][0] == "problem"
    assert findings["Scheduler"][0] == "problem"


def test_a_user_without_rights_gets_what_it_may_see(flowkit: Run, redis: RealRedis) -> None:
    with redis.start().client() as admin:
        admin.execute_command(
            *("ACL", "SETUSER", "looker", "on", ">secret", "%R~*"),
            *("+@read", "+client|setname", "+time", "-xlen", "-zcard"),
        )
    url = redis.url.replace("://", "://looker:secret@")
    findings = found(flowkit, url)
    assert findings["Redis"][0] == findings["Writes"][0] == findings["Events"][0] == "unknown"
    assert findings["Failed tasks"][0] == "unknown"
    assert findings["Scheduler"][0] == "problem"


def test_the_embedded_store_tells_little(flowkit: Run) -> None:
    with OpenServer() as server:
        findings = found(flowkit, server.url, namespace=f"doc-{uuid.uuid4().hex[:8]}")
    assert findings["Redis"][0] == "unknown"
    assert "embedded store" in findings["Redis"][1]
    assert findings["Writes"][0] == findings["Latency"][0] == "ok"


@pytest.mark.slow
def test_a_redis_that_is_away_is_one_sentence(flowkit: Run) -> None:
    done = flowkit("doctor", FLOWKIT_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("Error: cannot use Redis at")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_shard_that_is_away_is_a_finding(flowkit: Run, redis: RealRedis) -> None:
    url = f"{redis.start().url} redis://127.0.0.1:{free_port()}/0"
    where = {"FLOWKIT_REDIS_URL": url, "FLOWKIT_NAMESPACE": "doc"}
    done = flowkit("doctor", "--seconds", "0", "--json", **where)
    assert done.returncode == 7
    away = [item for item in json.loads(done.stdout)["findings"] if item["shard"] == "1/2"]
    assert [(item["health"], item["subject"]) for item in away] == [("problem", "Redis")]
