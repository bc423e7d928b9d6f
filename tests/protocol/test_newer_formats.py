"""What a newer release may have written beside this one: what is more than this one knows is passed
over, through every transition, and what it could not do without is refused with a sentence."""

from __future__ import annotations

import msgpack
import pytest
from world import LIST, START, World, done

from flowkit.core.states import RunState, TaskState
from flowkit.exceptions import StoreError
from flowkit.protocol.graphs import pack_graph, unpack_graph
from flowkit.protocol.records import ErrorInfo, parse_record
from flowkit.protocol.spent import UNSPENT, Flag, Spent

MORE = ",x=1,later"  # fields behind those of today


@pytest.mark.parametrize("flag", list("^&|%$#@:;<>(){}[]_.`'\"\\-"))
def test_a_flag_that_is_not_known_is_passed_over(flag: str) -> None:
    assert Spent.decode(f"1/2*3{flag}") == Spent(1, 2, 3)
    assert Spent.decode(f"0!{flag}=") == Spent(flags=frozenset({Flag.SUSPECT, Flag.AT_MOST_ONCE}))


def test_further_fields_of_a_record_are_passed_over() -> None:
    plain = parse_record(b"S1,W.0,0^,5,9")
    assert parse_record(b"S1,W.0,0^,5,9,x=1,later") == plain


def test_further_parts_of_an_error_are_passed_over() -> None:
    packed = msgpack.packb(["ValueError", "bad row", "Traceback …", {"notes": []}, 7])
    assert ErrorInfo.unpack(packed) == ErrorInfo("ValueError", "bad row", "Traceback …")


def write(world: World, task: int, record: str) -> None:
    world.link.call("HSET", world.keys.tasks("r1"), task, record)


class TestTransitions:
    """A newer scheduler has queued, or a newer worker has ended, with a flag ``^`` and more fields:
    each script of this release does with the record what it does with any."""

    def test_queued_to_running_to_over(self, world: World) -> None:
        world.ready(0)
        write(world, 0, f"Q1,,0^,,{MORE}")
        (claim,) = world.claim()
        assert claim.spent == UNSPENT
        assert world.records()["0"] == "R1,W.0,0^,0,"
        world.now += 7
        world.complete(done(0))
        assert world.records()["0"] == "S1,W.0,0^,0,7"

    def test_queued_again_by_the_hints(self, world: World) -> None:
        world.ready(0)
        write(world, 0, f"Q1,,0^,,{MORE}")
        world.link.call("DEL", world.keys.ready(LIST, "5"))
        assert world.scheduler.requeue("r1", [(0, LIST, "5")]) == 1
        assert [claim.spent for claim in world.claim()] == [UNSPENT]
        assert world.records()["0"].split(",")[2] == "0^"

    def test_waiting_to_queued(self, world: World) -> None:
        world.running(0)
        world.complete(done(0, "W", delay=5))
        write(world, 0, f"W1,W.0,0^,0,5{MORE}")
        world.now += 5
        assert world.scheduler.promote(10)[0] == 1
        assert world.records()["0"] == "Q2,,0^,,"

    def test_waiting_that_lost_its_hint(self, world: World) -> None:
        world.running(0)
        write(world, 0, f"W1,W.0,0^,0,5{MORE}")
        assert world.scheduler.requeue("r1", [(0, LIST, "5")]) == 1
        assert world.dump()["delayed"] == {f"r1,0,2,{LIST},5": START + 5}

    @pytest.mark.parametrize(
        ("blamed", "left"),
        [([], "Q1,,0^?,,"), (["r1,0"], "Q2,,1^,,"), (["r1,0", "r1,1"], "Q2,,0/1^!,,")],
    )
    def test_running_to_queued_by_a_death(self, world: World, blamed: list[str], left: str) -> None:
        world.running(0)
        write(world, 0, f"R1,W.0,0^,0,{MORE}")
        world.raw("reap", "W.0", "", "", 3, b"error", "", b"", *blamed)
        assert world.records()["0"] == left

    def test_running_to_put_off(self, world: World) -> None:
        world.ready(0)
        write(world, 0, "Q1,,0^,,")
        world.claim()
        world.complete(done(0, "D"))
        assert world.records()["0"].startswith("W1,W.0,0*1^,0,")

    @pytest.mark.parametrize(
        ("code", "left"), [("S", "S1,W.0,0^,0,7"), ("W", "W1,W.0,0^,0,507"), ("F", "F1,W.0,0^,0,7")]
    )
    def test_running_to_its_outcome(self, world: World, code: str, left: str) -> None:
        """Its further fields were taken for its flags and stood before the time of its end."""
        world.running(0)
        write(world, 0, f"R1,W.0,0^,0,{MORE}")
        world.now += 7
        world.complete(done(0, code))
        assert world.records()["0"] == left

    def test_queued_to_cancelled(self, world: World) -> None:
        world.ready(0)
        write(world, 0, f"Q1,,0^,,{MORE}")
        over, _ = world.scheduler.end_tasks("r1", TaskState.CANCELLED, [0], notify=True)
        assert over == [0]
        assert world.records()["0"] == "C1,,0^,,"

    def test_over_to_pending_by_a_resume(self, world: World) -> None:
        world.running(0)
        world.complete(done(0, "F"))
        world.finish(outcome="failed", failed=0)
        write(world, 0, f"F1,W.0,0^,0,5{MORE}")
        world.client.resume("r1")
        world.scheduler.reset("r1", [0])
        assert world.records()["0"] == "P1,,0,,"
        write(world, 0, f"P1,,0,,{MORE}")
        world.queue(0)
        assert world.records()["0"].startswith("Q2,,0/1")
        assert [claim.attempt for claim in world.claim()] == [2]


def test_further_fields_of_a_run_are_passed_over(world: World) -> None:
    world.submit()
    world.link.call("HSET", world.keys.run("r1"), "colour", "red", "z", "")
    assert world.client.read_run("r1").state is RunState.RUNNING
    found = world.scheduler.read_active("r1")
    assert found is not None
    assert found.run == "r1"
    assert [one.run for one in world.client.read_runs(5)] == ["r1"]


@pytest.mark.parametrize("where", ["policy", "dag"])
def test_a_graph_that_asks_for_more_is_refused_with_a_sentence(world: World, where: str) -> None:
    """Nobody here knows what a further property of a task asks for; it must not be left undone."""
    parts = msgpack.unpackb(world.submission().packed_graph)
    if where == "policy":
        parts[5][0].append("a property of tomorrow")
    else:
        parts += ["v1", "a property of tomorrow"]
    with pytest.raises(StoreError, match=r"properties and this release knows .*; upgrade flowkit"):
        unpack_graph(msgpack.packb(parts))


def test_what_is_written_today_is_read_today(world: World) -> None:
    packed = world.submission().packed_graph
    assert pack_graph(unpack_graph(packed)) == packed
