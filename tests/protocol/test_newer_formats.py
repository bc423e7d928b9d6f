"""What a newer release may have written beside this one: what is more than this one knows is passed
over, through every transition, and what it could not do without is refused with a sentence."""

from __future__ import annotations

import msgpack
import pytest
from environment import LIST, START, Environment, done

from flowkit.core.states import RunState, TaskState
from flowkit.exceptions import StoreError
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import unpack_graph
from flowkit.protocol.records import ErrorInfo, parse_record
from flowkit.protocol.spent import UNSPENT, Flag, Spent

MORE = ",x=1,later"  # fields behind those of today


@pytest.mark.parametrize("flag", list("|%$#@:;<>(){}[]_.`'\"\\-"))
def test_an_unknown_flag_is_ignored(flag: str) -> None:
    assert Spent.decode(f"1/2*3{flag}") == Spent(1, 2, 3)
    assert Spent.decode(f"0!{flag}=") == Spent(flags=frozenset({Flag.SUSPECT, Flag.AT_MOST_ONCE}))


def test_further_fields_of_a_record_are_ignored() -> None:
    plain = parse_record(b"S1,W.0,0|,5,9")
    assert parse_record(b"S1,W.0,0|,5,9,x=1,later") == plain


def test_further_parts_of_an_error_are_ignored() -> None:
    packed = msgpack.packb(["ValueError", "bad row", "Traceback …", {"notes": []}, 7])
    assert ErrorInfo.unpack(packed) == ErrorInfo("ValueError", "bad row", "Traceback …")


def write(env: Environment, task: int, record: str) -> None:
    env.link.call("HSET", env.keys.tasks("r1"), task, record)


class TestTransitions:
    """A newer scheduler has queued, or a newer worker has ended, with a flag ``|`` and more fields:
    each script of this release does with the record what it does with any."""

    def test_queued_to_running_to_over(self, env: Environment) -> None:
        env.ready(0)
        write(env, 0, f"Q1,,0|,,{MORE}")
        (claim,) = env.claim()
        assert claim.spent == UNSPENT
        assert env.records()["0"] == "R1,W.0,0|,0,,"
        env.now += 7
        env.complete(done(0))
        assert env.records()["0"] == "S1,W.0,0|,0,7,"

    def test_queued_again_by_the_hints(self, env: Environment) -> None:
        env.ready(0)
        write(env, 0, f"Q1,,0|,,{MORE}")
        env.link.call("DEL", env.keys.ready(LIST, "5"))
        assert env.scheduler.requeue("r1", [(0, LIST, "5")]) == 1
        assert [claim.spent for claim in env.claim()] == [UNSPENT]
        assert env.records()["0"].split(",")[2] == "0|"

    def test_waiting_to_queued(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0, "W", delay=5))
        write(env, 0, f"W1,W.0,0|,0,5{MORE}")
        env.now += 5
        assert env.scheduler.promote(10)[0] == 1
        assert env.records()["0"] == "Q2,,0|,,,5"

    def test_waiting_that_lost_its_hint(self, env: Environment) -> None:
        env.running(0)
        write(env, 0, f"W1,W.0,0|,0,5{MORE}")
        assert env.scheduler.requeue("r1", [(0, LIST, "5")]) == 1
        assert env.dump()["delayed"] == {f"r1,0,2,{LIST},5": START + 5}

    @pytest.mark.parametrize(
        ("blamed", "left"),
        [([], "Q1,,0|?,,,0"), (["r1,0"], "Q2,,1|,,,0"), (["r1,0", "r1,1"], "Q2,,0/1|!,,,0")],
    )
    def test_running_to_queued_by_a_death(
        self, env: Environment, blamed: list[str], left: str
    ) -> None:
        env.running(0)
        write(env, 0, f"R1,W.0,0|,0,{MORE}")
        env.raw("reap", "W.0", "", "", 3, b"error", "", b"", *blamed)
        assert env.records()["0"] == left

    def test_running_to_put_off(self, env: Environment) -> None:
        env.ready(0)
        write(env, 0, "Q1,,0|,,")
        env.claim()
        env.complete(done(0, "D"))
        assert env.records()["0"].startswith("W1,W.0,0*1|,0,")

    @pytest.mark.parametrize(
        ("code", "left"),
        [("S", "S1,W.0,0|,0,7,"), ("W", "W1,W.0,0|,0,507,,retry,7"), ("F", "F1,W.0,0|,0,7,")],
    )
    def test_running_to_its_outcome(self, env: Environment, code: str, left: str) -> None:
        """Its further fields were taken for its flags and stood before the time of its end."""
        env.running(0)
        write(env, 0, f"R1,W.0,0|,0,{MORE}")
        env.now += 7
        env.complete(done(0, code))
        assert env.records()["0"] == left

    def test_queued_to_cancelled(self, env: Environment) -> None:
        env.ready(0)
        write(env, 0, f"Q1,,0|,,{MORE}")
        over, *_ = env.scheduler.end_tasks("r1", TaskState.CANCELLED, [0], notify=True)
        assert over == [0]
        assert env.records()["0"] == "C1,,0|,,0"

    def test_over_to_pending_by_a_resume(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0, "F"))
        env.finish(outcome="failed", failed=0)
        write(env, 0, f"F1,W.0,0|,0,5{MORE}")
        env.client.resume("r1")
        env.scheduler.reset("r1", [0])
        assert env.records()["0"] == "P1,,0,,"
        write(env, 0, f"P1,,0,,{MORE}")
        env.queue(0)
        assert env.records()["0"].startswith("Q2,,0/1")
        assert [claim.attempt for claim in env.claim()] == [2]


def test_further_fields_of_a_run_are_ignored(env: Environment) -> None:
    env.submit()
    env.link.call("HSET", env.keys.run("r1"), "colour", "red", "z", "")
    assert env.client.read_run("r1").state is RunState.RUNNING
    result = env.scheduler.read_active("r1")
    assert result is not None
    assert result.run == "r1"
    assert [run.run for run in env.client.read_runs(5)] == ["r1"]


@pytest.mark.parametrize("where", ["policy", "dag"])
def test_a_graph_with_unknown_properties_is_refused_clearly(env: Environment, where: str) -> None:
    """Nobody here knows what a further property of a task asks for; it must not be left undone."""
    parts = msgpack.unpackb(env.submission().packed_graph)
    if where == "policy":
        parts[5][0] += [True, "a property of tomorrow"]
    else:
        parts += ["v1", bytes(4), [], "a property of tomorrow"]
    with pytest.raises(StoreError, match=r"properties and this release knows .*; upgrade flowkit"):
        unpack_graph(msgpack.packb(parts))


def test_current_data_round_trips(env: Environment) -> None:
    packed = env.submission().packed_graph
    assert pack_graph(unpack_graph(packed)) == packed
