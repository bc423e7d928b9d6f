"""The users of docs/howto/secure-redis.md: enough for a whole run, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import acl
import fault_app as app
import pytest
from pipeline import pipeline, went_well
from real_redis import RealRedis
from system import System

from flowkit import DAG, Client
from flowkit.exceptions import NotPermitted
from flowkit.protocol.link import Link
from flowkit.settings import Settings
from flowkit.state.redis import RedisStateManager

SECRET = "s3cr3t-of-redis"
ROLES = ("client", "scheduler", "worker", "state")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealRedis]:
    """A Redis with the users of the page, and nobody else."""
    found = RealRedis(tmp_path / "redis")
    found.start()
    with found.client() as admin:
        for role, rules in acl.users().items():
            words = [word.replace("{flowkit}", "{shop}") for word in rules]
            words = [f">{SECRET}-{role}" if word[0] == ">" else word for word in words]
            admin.execute_command("ACL", "SETUSER", f"flowkit-{role}", *words)
    yield found
    found.stop()


def url_of(server: RealRedis, role: str) -> str:
    return f"redis://flowkit-{role}:{SECRET}-{role}@127.0.0.1:{server.port}/0"


def test_the_page_has_a_user_for_each_role() -> None:
    assert tuple(acl.users()) == ROLES


@pytest.mark.parametrize("role", ROLES)
def test_each_is_kept_inside_its_namespace(role: str) -> None:
    rules = acl.users()[role]
    keys = ["~{flowkit}:", "~{flowkit}:state:*"]
    wanted = keys if role == "state" else ["~{flowkit}:*", "&{flowkit}:*"]
    assert [rule for rule in rules if rule[0] in "~&"] == wanted
    assert "resetchannels" in rules
    assert not [rule for rule in rules if "@" in rule or rule.startswith(("all", "+script ", "-"))]


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
            assert client.runs()
            assert held.status().over
            with client.shards[0].store() as store:
                assert store.ready_lists()
                assert store.alive_workers()
        scheduler.terminate()
        assert scheduler.exit_code() == 0
    finally:
        system.close()
    assert denials(server) == []


def held_dag() -> DAG:
    with DAG("held") as dag:
        dag.add(app.held.bind("held", gate="a"))
    return dag


def denials(server: RealRedis) -> list[str]:
    """Return what the server has refused to anybody. redis-py tries ``CLIENT SETINFO``."""
    with server.client() as admin:
        entries = admin.execute_command("ACL", "LOG")
    found = [dict(zip(one[::2], one[1::2], strict=True)) for one in entries]
    told = [f"{one[b'username'].decode()}: {one[b'object'].decode()}" for one in found]
    return [one for one in told if "client|setinfo" not in one]


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
def test_whatever_else_is_refused_in_words(
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


def test_so_is_a_script_that_does_what_its_user_may_not(server: RealRedis) -> None:
    settings = Settings(redis_url=url_of(server, "client"), namespace="shop")
    with Client(settings) as client, server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "flowkit-client", "-xadd")
        with pytest.raises(NotPermitted, match="does not allow this"):
            client.submit(pipeline())


def test_who_may_not_ask_for_info_is_let_in(server: RealRedis) -> None:
    with server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "flowkit-client", "-info")
    settings = Settings(redis_url=url_of(server, "client"), namespace="shop")
    with Client(settings) as client:
        assert client.runs() == []
