"""The lease of one shard of several: which shard it is, who stands by, and passing the lease on."""

from __future__ import annotations

import pytest
from world import HOUR_MS, START, World

from flowkit.exceptions import LeaseLost, WrongShards
from flowkit.protocol.lease_store import LeaseReply
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.server_checks import check_layout


def scheduler(world: World, name: str, layout: str = "1/2") -> SchedulerStore:
    return SchedulerStore(
        world.link, world.namespace, name, layout=layout, now_ms=lambda: world.now
    )


class TestLayout:
    def test_whoever_leads_writes_which_shard_it_is(self, world: World) -> None:
        scheduler(world, "s1").acquire_lease(1000)
        assert world.dump()["layout"] == "1/2/2"

    @pytest.mark.parametrize("layout", ["0/2", "0/1", "1/3"])
    def test_another_list_is_refused_while_somebody_leads(self, world: World, layout: str) -> None:
        scheduler(world, "s1").acquire_lease(1000)
        before = world.dump()
        with pytest.raises(WrongShards) as caught:
            scheduler(world, "s2", layout).acquire_lease(1000)
        message = str(caught.value)
        assert f"(namespace {world.namespace!r}) shard {layout}, but its schedulers made it" in (
            message
        )
        assert "shard 1/2 (position/number of shards, counted from 0)" in message
        assert "stop all schedulers before you start them with the longer list" in message
        assert world.dump() == before

    def test_a_longer_list_takes_over_when_nobody_leads(self, world: World) -> None:
        scheduler(world, "s1").acquire_lease(1000)
        world.now += 1000
        assert scheduler(world, "s2", "1/10").acquire_lease(1000).term == 2
        assert world.dump()["layout"] == "1/10/2"
        with pytest.raises(WrongShards):  # the one of before does not get it back
            scheduler(world, "s1").acquire_lease(1000)

    @pytest.mark.parametrize("layout", ["0/2", "0/3", "0/1", "1/1"])
    def test_a_shorter_list_or_another_place_in_it_never_takes_over(
        self, world: World, layout: str
    ) -> None:
        scheduler(world, "s1").acquire_lease(1000)
        world.now += 1000
        before = world.dump()
        with pytest.raises(WrongShards):
            scheduler(world, "s2", layout).acquire_lease(1000)
        assert world.dump() == before

    def test_how_many_shards_there_were_at_first_is_kept(self, world: World) -> None:
        """Ids of runs of then may be submitted again, and are to be looked for where they were."""
        assert check_layout(world.link, world.namespace, "1/3") == 1  # nobody has led yet
        for at, layout in enumerate(["1/3", "1/4", "1/9"]):
            scheduler(world, f"s{at}", layout).acquire_lease(1000)
            assert check_layout(world.link, world.namespace, layout) == 3
            world.now += 1000

    def test_a_system_of_before_there_were_shards_had_one(self, world: World) -> None:
        world.acquire_lease(1000)
        world.apply(cursor="9-9")
        world.link.call("DEL", world.keys.layout())
        world.now += 1000
        scheduler(world, "s2", "0/4").acquire_lease(1000)
        assert world.dump()["layout"] == "0/4/1"

    def test_a_system_that_nobody_has_led_yet_may_have_runs_in_one(self, world: World) -> None:
        """A run that was there before the first scheduler was submitted once more elsewhere."""
        world.submit()
        scheduler(world, "s1", "0/2").acquire_lease(1000)
        assert world.dump()["layout"] == "0/2/1"

    def test_a_client_or_worker_compares_its_list(self, world: World) -> None:
        check_layout(world.link, world.namespace, "1/2")  # nobody has led yet
        scheduler(world, "s1").acquire_lease(1000)
        check_layout(world.link, world.namespace, "1/2")
        with pytest.raises(WrongShards, match="shard 0/1, but its schedulers made it shard 1/2"):
            check_layout(world.link, world.namespace, "0/1")


class TestStandby:
    def test_a_leader_hears_how_many_shards_the_one_leads_that_stands_by(
        self, world: World
    ) -> None:
        first, second = scheduler(world, "s1"), scheduler(world, "s2")
        first.acquire_lease(1000, 0)
        assert first.acquire_lease(1000, 3).standby == -1
        world.now += 500
        assert second.acquire_lease(1000, 1) == LeaseReply(False, holder="s1", left_ms=500)
        assert world.dump()["standby"] == f"s2,1,{world.now + 333}"
        assert first.acquire_lease(1000, 3) == LeaseReply(True, 1, standby=1)

    def test_who_has_not_asked_for_a_third_of_a_lease_does_not_stand_by(self, world: World) -> None:
        first = scheduler(world, "s1")
        first.acquire_lease(HOUR_MS, 1)
        scheduler(world, "s2").acquire_lease(1000, 1)
        world.now += 333
        assert first.acquire_lease(HOUR_MS, 1).standby == -1

    def test_who_leaves_does_not_stand_by_any_longer(self, world: World) -> None:
        """A lease was passed on to one that had stopped, and lay there until it was over."""
        first, second = scheduler(world, "s1"), scheduler(world, "s2")
        first.acquire_lease(HOUR_MS, 1)
        scheduler(world, "s3").acquire_lease(1000, 0)
        second.acquire_lease(0)
        assert first.acquire_lease(HOUR_MS, 1).standby == 0
        scheduler(world, "s3").acquire_lease(0)
        assert first.acquire_lease(HOUR_MS, 1).standby == -1

    def test_who_leaves_with_a_lease_that_it_has_not_heard_of_gives_it_up(
        self, world: World
    ) -> None:
        first, second = scheduler(world, "s1"), scheduler(world, "s2")
        first.term = first.acquire_lease(HOUR_MS, 2).term
        second.acquire_lease(1000, 0)
        first.hand_over_lease(1, 5000, 0)
        second.acquire_lease(0)
        assert first.acquire_lease(1000, 1).cursor is not None

    def test_of_several_the_one_that_leads_fewest_stands_by(self, world: World) -> None:
        first = scheduler(world, "s1")
        first.acquire_lease(HOUR_MS, 1)
        for name, shards in (("s2", 2), ("s3", 1), ("s2", 2)):
            scheduler(world, name).acquire_lease(1000, shards)
        assert world.dump()["standby"] == f"s3,1,{START + 333}"
        scheduler(world, "s3").acquire_lease(1000, 4)  # it has got more meanwhile, and says so
        assert first.acquire_lease(HOUR_MS, 1).standby == 4

    def test_who_has_stood_by_and_leads_now_is_not_told_of_itself(self, world: World) -> None:
        first, second = scheduler(world, "s1"), scheduler(world, "s2")
        first.acquire_lease(1000, 1)
        second.acquire_lease(HOUR_MS, 0)
        world.now += 1000
        second.acquire_lease(HOUR_MS, 0)
        assert second.acquire_lease(HOUR_MS, 1).standby == -1

    def test_schedulers_of_one_shard_neither_tell_nor_ask(self, world: World) -> None:
        first = scheduler(world, "s1")
        first.acquire_lease(HOUR_MS)
        scheduler(world, "s2").acquire_lease(1000)
        assert "standby" not in world.dump()
        scheduler(world, "s2").acquire_lease(1000, 0)
        assert first.acquire_lease(HOUR_MS).standby == -1


class TestPassingOn:
    def test_the_one_that_stands_by_leads_at_once_in_a_new_term(self, world: World) -> None:
        first, second = scheduler(world, "s1"), scheduler(world, "s2")
        first.term = first.acquire_lease(HOUR_MS, 2).term
        second.acquire_lease(1000, 0)
        assert first.hand_over_lease(1, 5000, 0) == "s2"
        dump = world.dump()
        assert (dump["leader"], "standby" in dump) == (f"s2,2,{world.now + 5000}", False)
        with pytest.raises(LeaseLost, match=r"s1 no longer leads \(term 1\)"):
            first.apply("9-9", [])
        assert second.acquire_lease(1000, 0) == LeaseReply(True, 2)

    def test_it_is_passed_on_once(self, world: World) -> None:
        first = scheduler(world, "s1")
        first.acquire_lease(HOUR_MS, 2)
        scheduler(world, "s2").acquire_lease(1000, 0)
        assert first.hand_over_lease(1, 5000, 0) == "s2"
        before = world.dump()
        with pytest.raises(LeaseLost):
            first.hand_over_lease(1, 5000, 0)
        assert world.dump() == before

    @pytest.mark.parametrize("why", ["nobody stands by", "it is gone", "it leads more by now"])
    def test_with_nobody_to_pass_it_to_it_is_kept(self, world: World, why: str) -> None:
        first = scheduler(world, "s1")
        first.acquire_lease(HOUR_MS, 2)
        if why != "nobody stands by":
            scheduler(world, "s2").acquire_lease(1000, 1)
        world.now += 1000 if why == "it is gone" else 0
        before = world.dump()
        assert first.hand_over_lease(1, 5000, 0 if why == "it leads more by now" else 9) is None
        assert world.dump() == before
