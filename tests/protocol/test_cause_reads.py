"""What explanations read: leases, lanes, ready lists and functions, damaged ones among them."""

from __future__ import annotations

import pytest
from environment import LIST, Environment, compiled
from real_redis import RealRedis

from flowkit.client.explaining import leading_cause, read_explanation
from flowkit.client.run_tasks import read_tasks
from flowkit.core.explain import Explanation
from flowkit.protocol.client_store import ClientStore
from flowkit.protocol.link import Link


def explained(env: Environment, task: int | None = None) -> Explanation:
    return read_explanation(env.client, env.client.read_run("r1"), compiled(), task)


def test_lanes_say_how_much_they_hold_and_some_of_it(env: Environment) -> None:
    env.running(0, 1, 2)
    ((lane,),) = env.client.lanes_of(["W"]).values()
    assert (lane.lane, lane.held) == ("W.0", 3)
    assert set(lane.some) == {("r1", 0), ("r1", 1), ("r1", 2)}


def test_damaged_lanes_and_claims_are_left_out(env: Environment) -> None:
    env.running(0)
    env.link.call("HSET", env.keys.worker("W"), "lanes", "W.0 nonsense W.1")
    env.link.call("HSET", env.keys.claims("W.0"), "no run at all", "x")
    env.link.call("SET", env.keys.claims("W.1"), "no hash")
    lanes = env.client.lanes_of(["W", "unknown"])
    assert [(lane.lane, lane.held) for lane in lanes["W"]] == [("W.0", 2), ("W.1", 0)]
    assert lanes["W"][0].some == (("r1", 0),)
    assert lanes["unknown"] == ()
    env.link.call("DEL", env.keys.claims("W.1"))


def test_expired_leases_say_when_they_ended(env: Environment) -> None:
    env.register("W")
    env.register("V")
    assert env.client.expired_leases(env.now) == {}
    env.link.call("ZADD", env.keys.workers(), env.now - 5000, "V", env.now - 9000, "a b")
    assert env.client.expired_leases(env.now) == {"V": env.now - 5000}


def test_depths_count_lists_of_functions_and_backlogs_apart(env: Environment) -> None:
    env.ready(0, 1, 2)
    env.apply("line", "r1", f"{LIST}@{'a' * 16}", "5", "", 1, 3)
    depths = {(name, level): depth for name, level, depth in env.client.list_depths()}
    assert depths == {(LIST, "5"): 3, (f"{LIST}@{'a' * 16}", "5"): 1}


def test_a_queue_without_a_worker_and_without_a_scheduler(env: Environment) -> None:
    env.submit()
    assert explained(env).sentence.startswith("No scheduler is running: start flowkit-scheduler")
    env.acquire_lease()
    env.queue(0, 1, 2, 3)
    assert explained(env).causes[0].cause == "no_worker"
    run = env.client.read_run("r1")
    tasks = read_tasks(env.client, "r1", compiled())
    sentence, needs_help = leading_cause(env.client, run, compiled(), tasks)
    assert sentence == explained(env).sentence
    assert needs_help


def test_damaged_keys_make_a_fact_unknown_not_the_explanation_impossible(env: Environment) -> None:
    env.running(0)
    env.queue(1)
    damaged = (env.keys.levels(), env.keys.workers(), env.keys.cursor(), env.keys.leader())
    env.link.call("DEL", *damaged)
    for key in damaged[1:]:
        env.link.call("SADD", key, "x")
    assert explained(env).causes
    assert explained(env, 0).causes[0].cause == "no_scheduler"
    env.link.call("DEL", *damaged)


def test_a_cancel_says_who_asked_for_it(env: Environment) -> None:
    env.running(0)
    assert env.client.read_canceller("r1") == ""
    env.client.cancel("r1", "ann@shop via cli")
    assert env.client.read_canceller("r1") == "ann@shop via cli"
    assert explained(env).sentence == (
        "The run is stopping, since it was cancelled by ann@shop via cli; it waits for 1 running "
        "task."
    )
    env.link.call("DEL", env.keys.history("r1"))
    env.link.call("SADD", env.keys.history("r1"), "x")
    assert env.client.read_canceller("r1") == ""
    env.link.call("DEL", env.keys.history("r1"))


def test_an_explanation_writes_nothing(env: Environment) -> None:
    env.running(0, 1)
    assert env.changed_by(lambda: explained(env)) == {}
    assert env.changed_by(lambda: explained(env, 0)) == {}


@pytest.mark.parametrize("tasks", [4, 2500])
def test_the_number_of_round_trips_is_bounded(env: Environment, tasks: int) -> None:
    env.submit(total=tasks)
    env.acquire_lease()
    env.register()
    env.queue(0, 1)
    dag, run = compiled(tasks), env.client.read_run("r1")
    sent: list[int] = []
    link = env.link
    for name in ("_exchange", "_exchange_all"):
        send = getattr(link, name)

        def counted(*words: object, send: object = send, **more: object) -> object:
            sent.append(1)
            return send(*words, **more)  # type: ignore[operator]

        setattr(link, name, counted)
    read_explanation(env.client, run, dag, None)
    assert len(sent) <= 24 + -(-tasks // 1000)


def test_a_server_that_takes_writes_refuses_nothing(env: Environment) -> None:
    assert env.client.read_refusal() == ""


def test_a_full_server_says_that_it_is_full(redis_server: RealRedis, namespace: str) -> None:
    link = Link(redis_server.url)
    store = ClientStore(link, namespace)
    with redis_server.client() as other:
        other.config_set("maxmemory", 100_000)
        try:
            assert store.read_refusal().startswith("it is full (")
        finally:
            other.config_set("maxmemory", 0)
            link.close()
    assert "maxmemory" not in store.read_refusal()
    link.close()
