"""``flowkit run`` on a real Redis: its own namespace, and runs that can be resumed."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from console import Run
from real_redis import RealRedis

from flowkit.protocol.link import Link
from flowkit.protocol.namespace import drop_namespace, expire_namespace, keep_namespace
from flowkit.protocol.scheduler_store import SchedulerStore


def keys(server: RealRedis, pattern: str) -> list[str]:
    with server.client() as client:
        return sorted(key.decode() for key in client.scan_iter(match=pattern, count=1000))


def drop(server: RealRedis, pattern: str) -> None:
    with server.client() as client:
        result = list(client.scan_iter(match=pattern, count=1000))
        if result:
            client.delete(*result)


def assert_all_expire(server: RealRedis, run: str) -> None:
    """What a failed run leaves is kept for a resume, as long as the run, and not forever."""
    left = keys(server, f"{{run-{run}}}*")
    assert len(left) > 5
    with server.client() as client:
        assert [key for key in left if client.ttl(key) <= 0] == []


def test_a_success_leaves_nothing_in_redis(flowkit: Run, redis_server: RealRedis) -> None:
    done = flowkit("run", "chain.py", FLOWKIT_REDIS_URL=redis_server.url)
    assert done.returncode == 0
    namespace = re.search(r"namespace (run-\w+)\.", done.stderr)
    assert namespace is not None
    assert "embedded" not in done.stderr
    assert "CVE" not in done.stderr, "the version of that Redis is for those who look after it"
    assert keys(redis_server, f"{{{namespace[1]}}}*") == []


def test_a_failure_is_kept_and_can_be_resumed(flowkit: Run, redis_server: RealRedis) -> None:
    url = ("--redis", redis_server.url)
    done = flowkit("run", "failing.py", *url, "-p", "ok=mended", "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    run = document["run_id"]
    assert_all_expire(redis_server, run)

    again = flowkit("run", "failing.py", *url, "--resume", run)
    assert again.returncode == 1
    assert f"--resume {run}" in again.stderr
    assert "attempt 2" in again.stderr
    assert_all_expire(redis_server, run)


def test_a_fixed_app_resumes_where_it_stopped(
    flowkit: Run, redis_server: RealRedis, apps: object
) -> None:
    url = ("--redis", redis_server.url)
    mend = f"{apps}/mended"
    run = json.loads(flowkit("run", "failing.py", *url, "-p", f"ok={mend}", "--json").stdout)[
        "run_id"
    ]
    with open(mend, "w"):
        pass
    done = flowkit("run", "failing.py", *url, "--resume", run, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"] == {
        "before": "kept",
        "breaks": "mended",
        "behind": "mended",
    }
    assert keys(redis_server, f"{{run-{run}}}*") == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--resume", "nope"), 4, "no run 'nope'"),
        (("--resume", "a b"), 2, "'--resume': 'a b' is not a run id"),
        (("--resume", "r", "-p", "size=1"), 2, "omit -p"),
    ],
)
def test_an_impossible_resume(
    flowkit: Run, redis_server: RealRedis, words: tuple[str, ...], code: int, said: str
) -> None:
    done = flowkit("run", "chain.py", "--redis", redis_server.url, *words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr


@pytest.mark.slow
def test_a_chosen_id_is_that_of_one_run(flowkit: Run, redis_server: RealRedis) -> None:
    run = f"daily-{uuid.uuid4().hex[:6]}"
    words = ("run", "failing.py", "--redis", redis_server.url, "--run-id", run)
    assert json.loads(flowkit(*words, "--json").stdout)["run_id"] == run
    left = keys(redis_server, f"{{run-{run}}}*")
    again = flowkit(*words)
    assert (again.returncode, again.stdout) == (4, "")
    for said in (f"run '{run}' already exists: it failed at 20", f"--resume {run} instead of"):
        assert said in again.stderr
    assert keys(redis_server, f"{{run-{run}}}*") == left
    both = flowkit(*words, "--resume", run)
    assert (both.returncode, "give one" in both.stderr) == (2, True)
    drop(redis_server, f"{{run-{run}}}*")


@pytest.mark.slow
@pytest.mark.parametrize("where", ["flag", "url"])
def test_an_explicit_namespace_is_kept(
    flowkit: Run, redis_server: RealRedis, namespace: str, where: str
) -> None:
    words = ("--redis", redis_server.url, "--namespace", namespace)
    if where == "url":
        words = ("--redis", f"{redis_server.url}#{namespace}")
    done = flowkit("run", "chain.py", *words, "--json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(flowkit("ls", *words, "--json").stdout)["items"]
    assert [run["run_id"] for run in listed] == [json.loads(done.stdout)["run_id"]]


@pytest.mark.slow
def test_with_several_urls_it_uses_the_first_server_without_shards(
    flowkit: Run, redis_server: RealRedis, namespace: str
) -> None:
    """The namespace behind a # is then that of a shard, which refused the run's own scheduler."""
    link = Link(redis_server.url)
    SchedulerStore(link, namespace, "s1", shard_position="0/2").acquire_lease(60_000)
    try:
        urls = f"{redis_server.url}#{namespace} {redis_server.url}#{namespace}.2"
        done = flowkit("run", "chain.py", FLOWKIT_REDIS_URL=urls)
        assert done.returncode == 0, done.stderr
        assert re.search(r"namespace run-\w+\.", done.stderr)
    finally:
        drop_namespace(link, namespace)
        link.close()


def test_a_run_kept_for_a_resume_does_not_expire_while_in_use(
    redis_server: RealRedis, namespace: str
) -> None:
    link, key = Link(redis_server.url), f"{{{namespace}}}:schema"
    link.call("SET", key, "1")
    expire_namespace(link, namespace, 60_000)
    assert 0 < link.call("PTTL", key) <= 60_000
    keep_namespace(link, namespace)
    assert link.call("PTTL", key) == -1
    link.close()
