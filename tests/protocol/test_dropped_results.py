"""Dropping results: `apply`'s verb, and that what was dropped does not pass for lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from environment import Environment, compiled, done

from flowkit.core.retry import Policy
from flowkit.exceptions import LeaseLost, RunLost
from flowkit.protocol import graphs
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of, unpack_graph


def with_results(env: Environment, *tasks: int) -> None:
    env.running(*tasks)
    env.complete(*[done(task, payload=b"value") for task in tasks])


def test_a_dropped_result_is_deleted_and_no_longer_counted(env: Environment) -> None:
    with_results(env, 0, 1)
    before = env.dump()["run:r1"]
    changed = env.changed_by(lambda: env.apply("drop", "r1", 1, 0))
    assert changed == {"run:r1:results": {"1": "value"}, "run:r1": before | {"kept": "1"}}
    assert list(env.client.read_results("r1", [0, 1])) == [None, b"value"]


def test_dropped_is_not_lost_and_lost_is_found_beside_dropped(env: Environment) -> None:
    with_results(env, 0, 1, 2)
    env.apply("drop", "r1", 1, 0)
    assert env.scheduler.lost_results("r1", [1, 2]) is None
    env.link.call("HDEL", env.keys.results("r1"), 2)
    assert env.scheduler.lost_results("r1", [1, 2]) == [2]
    with pytest.raises(RunLost):
        list(env.client.read_results("r1", [2]))


def test_only_results_of_tasks_that_succeeded_are_dropped(env: Environment) -> None:
    """A resume has made the first one pending; its result would be of another attempt."""
    with_results(env, 0, 1)
    env.link.call("HSET", env.keys.tasks("r1"), 0, "P1,,0,,")
    assert env.changed_by(lambda: env.apply("drop", "r1", 2, 0, 3)) == {}


def test_nothing_is_dropped_in_a_run_that_is_over_refused_or_gone(env: Environment) -> None:
    with_results(env, 0)
    begin = ("begin", "r1", "0" * 64)
    assert env.scheduler.apply("", [*begin, "drop", "r1", 1, 0]) == ["r1"]
    assert env.dump()["run:r1:results"] == {"0": "value"}
    env.finish()
    assert env.changed_by(lambda: env.apply("drop", "r1", 1, 0)) == {}
    assert env.changed_by(lambda: env.apply("drop", "nothing", 1, 0)) == {}


def test_a_scheduler_that_does_not_lead_drops_nothing(env: Environment) -> None:
    with_results(env, 0)
    env.scheduler.term += 1
    with pytest.raises(LeaseLost):
        env.apply("drop", "r1", 1, 0)
    assert env.dump()["run:r1:results"] == {"0": "value"}


@pytest.mark.parametrize("key", ["tasks", "results"])
def test_a_key_of_another_type_harms_no_other_run(env: Environment, key: str) -> None:
    with_results(env, 0)
    name = getattr(env.keys, key)("r1")
    env.link.call("DEL", name)
    env.link.call("SET", name, "x")
    env.submit("r2")
    env.apply("drop", "r1", 1, 0, "queue", "r2", "default", "5", "", 1, 0)
    assert env.records("r2") == {"0": "Q1,,0,,,0"}
    env.link.call("DEL", name)


def test_a_dag_that_keeps_its_results_has_the_address_of_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a release without the option would refuse every DAG of this one."""
    dag = compiled()
    packed = pack_graph(dag)
    assert unpack_graph(packed) == dag or unpack_graph(packed).policies == dag.policies
    older = replace(dag, policies=(Policy(keep_result=False),))
    assert unpack_graph(pack_graph(older)).not_kept() == [0, 1, 2, 3]
    assert digest_of(pack_graph(older)) != digest_of(packed)
    monkeypatch.setattr(graphs, "POLICY_FIELDS", graphs.POLICY_FIELDS[:-1])
    assert unpack_graph(packed).policies == dag.policies
    with pytest.raises(Exception, match="this release knows 10; upgrade flowkit here"):
        unpack_graph(pack_graph(older))
