"""``flowkit queues``: what waits, and who serves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from console import Run
from helpers import wait_until
from real_redis import RealRedis

from flowkit.protocol.keys import Keys
from flowkit.protocol.link import Link
from flowkit.protocol.namespace import drop_namespace


def entry(talk: Run, name: str) -> dict[str, Any]:
    items = json.loads(talk("queues", "--queue", name, "--json").stdout)["items"]
    return dict(items[0]) if items else {}


@pytest.mark.promise("sight-18")
def test_it_names_the_queue_that_no_worker_serves(talk: Run) -> None:
    run = json.loads(talk("submit", "several.py:one", "--json").stdout)["run_id"]
    wait_until("the task is queued", lambda: entry(talk, "special").get("waiting") == 1)
    done = talk("queues")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].split()[:2] == ["QUEUE", "WAITING"]
    assert "Queue 'special': no live worker serves it, and 1 task in it waits" in done.stderr
    assert "--queues special." in done.stderr
    assert entry(talk, "special")["workers"] == 0
    assert json.loads(talk("queues", "--stuck", "--json").stdout)["matching"] == 1
    assert "special" in talk("queues", "--waiting").stdout
    assert talk("queues", "--queue", "no-such", "--stuck").stdout == ""
    talk("cancel", run, "--wait")
    talk("delete", run, "--yes")


@pytest.mark.promise("sight-18")
def test_it_shows_who_is_busy_and_the_rate_of_the_last_minute(talk: Run, apps: Path) -> None:
    begun = apps / "begun"
    run = json.loads(talk("submit", "slow.py", "-p", f"mark={begun}", "--json").stdout)["run_id"]
    assert talk("submit", "wide.py", "--wait").returncode == 0
    wait_until("a process is busy", lambda: entry(talk, "default")["busy"] == 1)
    wait_until("ended attempts are reported", lambda: entry(talk, "default")["per_minute"])
    queue = entry(talk, "default")
    assert (queue["workers"], queue["processes"], queue["waiting"]) == (1, 2, 0)
    assert queue["mean_seconds"] is not None
    assert queue["problem"] == ""
    assert "1 of 2" in talk("queues").stdout
    talk("cancel", run, "--wait")
    wait_until("it is free again", lambda: entry(talk, "default")["busy"] == 0)


def test_nothing_that_a_worker_reports_can_control_the_terminal(
    flowkit: Run, redis_server: RealRedis
) -> None:
    """Anyone who can write to Redis can register as a worker, and serve queues of any name."""
    keys, link = Keys("cli-hostile-queues"), Link(redis_server.url)
    about = {
        "queues": ["\x1b[2J[red]x[/red]", "default"],
        "busy": [2**31, 2**31],
        "rates": {"\x1b[2J[red]x[/red]": [2**31, 2**31]},
        "window_ms": 1,
    }
    link.call("ZADD", keys.workers(), 10**14, "honest", 10**14, "broken", 10**14, "\x1b[2J")
    link.call("HSET", keys.worker("honest"), "about", msgpack.packb(about))
    link.call("HSET", keys.worker("broken"), "about", b"\x1b[2J")
    where = {"FLOWKIT_REDIS_URL": redis_server.url, "FLOWKIT_NAMESPACE": keys.namespace}
    done = flowkit("queues", **where)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b[2J[red]x[/red]" in done.stdout
    damaged = json.loads(flowkit("queues", "--json", **where).stdout)["damaged"]
    assert {item["name"] for item in damaged} == {"broken", "\x1b[2J"}
    drop_namespace(link, keys.namespace)
    link.close()


def test_shards_are_added_up(flowkit: Run, redis_server: RealRedis, tmp_path: Path) -> None:
    other = RealRedis(tmp_path / "other").start()
    keys = Keys("cli-sharded-queues")
    rates = {"default": [30, 1500]}
    about = {"queues": ["default"], "processes": 2, "busy": [1, 0], "window_ms": 60_000}
    try:
        for at, server in enumerate((redis_server, other)):
            link = Link(server.url)
            link.call("ZADD", keys.workers(), 10**14, f"W{at}")
            packed = msgpack.packb({**about, "rates": rates})
            link.call("HSET", keys.worker(f"W{at}"), "about", packed)
            link.call("HSET", keys.levels(), "default", "5", f"only{at}", "9")
            link.call("RPUSH", keys.ready("default", "5"), "r,0,1", "r,1,1")
            link.close()
        where = {
            "FLOWKIT_REDIS_URL": f"{redis_server.url} {other.url}",
            "FLOWKIT_NAMESPACE": keys.namespace,
        }
        document = json.loads(flowkit("queues", "--json", **where).stdout)
        queues = {item["queue"]: item for item in document["items"]}
        assert queues.keys() == {"default", "only0", "only1"}
        total = queues["default"]
        assert (total["waiting"], total["workers"], total["processes"], total["busy"]) == (
            4,
            2,
            4,
            2,
        )
        assert (total["per_minute"], total["mean_seconds"]) == (60.0, 0.05)
        assert "2 workers · 2 of 4 processes busy · 60 tasks/min" in flowkit("top", **where).stdout
    finally:
        link = Link(redis_server.url)
        drop_namespace(link, keys.namespace)
        link.close()
        other.kill()


def test_a_user_with_the_rules_of_an_older_release_may_not_read_delayed(
    flowkit: Run, tmp_path: Path
) -> None:
    server = RealRedis(tmp_path / "redis").start()
    try:
        with server.client() as admin:
            admin.hset("{flowkit}:levels", "default", "5")
            admin.execute_command(
                *("ACL", "SETUSER", "old", "on", ">secret", "+@read", "+time", "+client|setname"),
                *("+info", "%R~{flowkit}:levels", "%R~{flowkit}:ready:*", "%R~{flowkit}:workers"),
                *("%R~{flowkit}:schema", "%R~{flowkit}:layout", "%R~{flowkit}:worker:*"),
            )
        url = server.url.replace("://", "://old:secret@")
        done = flowkit("queues", "--json", FLOWKIT_REDIS_URL=url)
        assert done.returncode == 0, done.stderr
        (queue,) = json.loads(done.stdout)["items"]
        assert (queue["queue"], queue["delayed"]) == ("default", None)
        assert "?" in flowkit("queues", FLOWKIT_REDIS_URL=url).stdout
    finally:
        server.kill()
