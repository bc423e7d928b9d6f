"""The lease of one shard of several: which shard it is, who stands by, and passing the lease on."""

from __future__ import annotations

import pytest
from environment import HOUR_MS, START, Environment

from flowkit.exceptions import LeaseLost, WrongShards
from flowkit.protocol.lease_store import LeaseReply
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.server_checks import check_shard_position


def scheduler(env: Environment, name: str, shard_position: str = "1/2") -> SchedulerStore:
    return SchedulerStore(
        env.link, env.namespace, name, shard_position=shard_position, now_ms=lambda: env.now
    )


class TestShardPosition:
    def test_the_leader_stores_the_shard_position(self, env: Environment) -> None:
        scheduler(env, "s1").acquire_lease(1000)
        assert env.dump()["layout"] == "1/2/2"

    @pytest.mark.parametrize("shard_position", ["0/2", "0/1", "1/3"])
    def test_another_list_is_refused_under_a_leader(
        self, env: Environment, shard_position: str
    ) -> None:
        scheduler(env, "s1").acquire_lease(1000)
        before = env.dump()
        with pytest.raises(WrongShards) as caught:
            scheduler(env, "s2", shard_position).acquire_lease(1000)
        message = str(caught.value)
        assert (
            f"(namespace {env.namespace!r}) shard {shard_position}, but its schedulers made it"
            in (message)
        )
        assert "shard 1/2 (position/number of shards, counted from 0)" in message
        assert "stop all schedulers before you start them with the longer list" in message
        assert env.dump() == before

    def test_a_longer_list_takes_over_without_a_leader(self, env: Environment) -> None:
        scheduler(env, "s1").acquire_lease(1000)
        env.now += 1000
        assert scheduler(env, "s2", "1/10").acquire_lease(1000).term == 2
        assert env.dump()["layout"] == "1/10/2"
        with pytest.raises(WrongShards):  # the one of before does not get it back
            scheduler(env, "s1").acquire_lease(1000)

    @pytest.mark.parametrize("shard_position", ["0/2", "0/3", "0/1", "1/1"])
    def test_a_shorter_list_or_another_place_in_it_never_takes_over(
        self, env: Environment, shard_position: str
    ) -> None:
        scheduler(env, "s1").acquire_lease(1000)
        env.now += 1000
        before = env.dump()
        with pytest.raises(WrongShards):
            scheduler(env, "s2", shard_position).acquire_lease(1000)
        assert env.dump() == before

    def test_the_first_number_of_shards_is_kept(self, env: Environment) -> None:
        """Ids of runs of then may be submitted again, and are to be looked for where they were."""
        assert check_shard_position(env.link, env.namespace, "1/3") == 1  # nobody has led yet
        for at, shard_position in enumerate(["1/3", "1/4", "1/9"]):
            scheduler(env, f"s{at}", shard_position).acquire_lease(1000)
            assert check_shard_position(env.link, env.namespace, shard_position) == 3
            env.now += 1000

    def test_a_system_from_before_shards_had_one(self, env: Environment) -> None:
        env.acquire_lease(1000)
        env.apply(cursor="9-9")
        env.link.call("DEL", env.keys.layout())
        env.now += 1000
        scheduler(env, "s2", "0/4").acquire_lease(1000)
        assert env.dump()["layout"] == "0/4/1"

    def test_a_system_without_a_past_leader_may_have_runs_in_one_shard(
        self, env: Environment
    ) -> None:
        """A run that was there before the first scheduler was submitted once more elsewhere."""
        env.submit()
        scheduler(env, "s1", "0/2").acquire_lease(1000)
        assert env.dump()["layout"] == "0/2/1"

    def test_a_client_or_worker_compares_its_list(self, env: Environment) -> None:
        check_shard_position(env.link, env.namespace, "1/2")  # nobody has led yet
        scheduler(env, "s1").acquire_lease(1000)
        check_shard_position(env.link, env.namespace, "1/2")
        with pytest.raises(WrongShards, match="shard 0/1, but its schedulers made it shard 1/2"):
            check_shard_position(env.link, env.namespace, "0/1")


class TestStandby:
    def test_a_leader_learns_how_many_shards_the_standby_leads(self, env: Environment) -> None:
        first, second = scheduler(env, "s1"), scheduler(env, "s2")
        first.acquire_lease(1000, 0)
        assert first.acquire_lease(1000, 3).standby == -1
        env.now += 500
        assert second.acquire_lease(1000, 1) == LeaseReply(False, holder="s1", left_ms=500)
        assert env.dump()["standby"] == f"s2,1,{env.now + 333}"
        assert first.acquire_lease(1000, 3) == LeaseReply(True, 1, standby=1)

    def test_a_standby_that_stops_asking_is_dropped(self, env: Environment) -> None:
        first = scheduler(env, "s1")
        first.acquire_lease(HOUR_MS, 1)
        scheduler(env, "s2").acquire_lease(1000, 1)
        env.now += 333
        assert first.acquire_lease(HOUR_MS, 1).standby == -1

    def test_a_leaving_scheduler_is_no_longer_a_standby(self, env: Environment) -> None:
        """A lease was passed on to one that had stopped, and lay there until it was over."""
        first, second = scheduler(env, "s1"), scheduler(env, "s2")
        first.acquire_lease(HOUR_MS, 1)
        scheduler(env, "s3").acquire_lease(1000, 0)
        second.acquire_lease(0)
        assert first.acquire_lease(HOUR_MS, 1).standby == 0
        scheduler(env, "s3").acquire_lease(0)
        assert first.acquire_lease(HOUR_MS, 1).standby == -1

    def test_a_leaving_scheduler_gives_up_an_unknown_lease(self, env: Environment) -> None:
        first, second = scheduler(env, "s1"), scheduler(env, "s2")
        first.term = first.acquire_lease(HOUR_MS, 2).term
        second.acquire_lease(1000, 0)
        first.hand_over_lease(1, 5000, 0)
        second.acquire_lease(0)
        assert first.acquire_lease(1000, 1).cursor is not None

    def test_the_scheduler_with_the_fewest_shards_is_the_standby(self, env: Environment) -> None:
        first = scheduler(env, "s1")
        first.acquire_lease(HOUR_MS, 1)
        for name, shards in (("s2", 2), ("s3", 1), ("s2", 2)):
            scheduler(env, name).acquire_lease(1000, shards)
        assert env.dump()["standby"] == f"s3,1,{START + 333}"
        scheduler(env, "s3").acquire_lease(1000, 4)  # it has got more meanwhile, and says so
        assert first.acquire_lease(HOUR_MS, 1).standby == 4

    def test_a_standby_that_became_leader_is_not_its_own_standby(self, env: Environment) -> None:
        first, second = scheduler(env, "s1"), scheduler(env, "s2")
        first.acquire_lease(1000, 1)
        second.acquire_lease(HOUR_MS, 0)
        env.now += 1000
        second.acquire_lease(HOUR_MS, 0)
        assert second.acquire_lease(HOUR_MS, 1).standby == -1

    def test_schedulers_of_one_shard_do_not_exchange_counts(self, env: Environment) -> None:
        first = scheduler(env, "s1")
        first.acquire_lease(HOUR_MS)
        scheduler(env, "s2").acquire_lease(1000)
        assert "standby" not in env.dump()
        scheduler(env, "s2").acquire_lease(1000, 0)
        assert first.acquire_lease(HOUR_MS).standby == -1


class TestPassingOn:
    def test_the_standby_leads_immediately_in_a_new_term(self, env: Environment) -> None:
        first, second = scheduler(env, "s1"), scheduler(env, "s2")
        first.term = first.acquire_lease(HOUR_MS, 2).term
        second.acquire_lease(1000, 0)
        assert first.hand_over_lease(1, 5000, 0) == "s2"
        dump = env.dump()
        assert (dump["leader"], "standby" in dump) == (f"s2,2,{env.now + 5000}", False)
        with pytest.raises(LeaseLost, match=r"s1 no longer leads \(term 1\)"):
            first.apply("9-9", [])
        assert second.acquire_lease(1000, 0) == LeaseReply(True, 2)

    def test_it_is_handed_over_once(self, env: Environment) -> None:
        first = scheduler(env, "s1")
        first.acquire_lease(HOUR_MS, 2)
        scheduler(env, "s2").acquire_lease(1000, 0)
        assert first.hand_over_lease(1, 5000, 0) == "s2"
        before = env.dump()
        with pytest.raises(LeaseLost):
            first.hand_over_lease(1, 5000, 0)
        assert env.dump() == before

    @pytest.mark.parametrize("why", ["nobody stands by", "it is gone", "it leads more by now"])
    def test_without_a_standby_it_is_kept(self, env: Environment, why: str) -> None:
        first = scheduler(env, "s1")
        first.acquire_lease(HOUR_MS, 2)
        if why != "nobody stands by":
            scheduler(env, "s2").acquire_lease(1000, 1)
        env.now += 1000 if why == "it is gone" else 0
        before = env.dump()
        assert first.hand_over_lease(1, 5000, 0 if why == "it leads more by now" else 9) is None
        assert env.dump() == before
