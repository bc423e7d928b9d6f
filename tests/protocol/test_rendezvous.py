"""The shard of a run follows from its id, and hardly any id moves when a shard is appended."""

from __future__ import annotations

from collections import Counter

import pytest

from flowkit.protocol.rendezvous import former_owners, owner

IDS = [f"run-{number}" for number in range(4000)]


def test_one_shard_has_all_runs() -> None:
    assert {owner(run, 1) for run in IDS} == {0}


def test_the_shard_of_a_run_never_changes_between_releases() -> None:
    """Another hash would look for every stored run elsewhere, so it is pinned here."""
    result = [[owner(run, shards) for run in ("a", "b", "nightly-7", "r:1")] for shards in (2, 4)]
    assert result == [[1, 0, 0, 1], [2, 2, 0, 1]]


@pytest.mark.parametrize("shards", [2, 3, 4, 9])
def test_the_shards_get_about_as_many_runs_each(shards: int) -> None:
    parts = Counter(owner(run, shards) for run in IDS)
    fair = len(IDS) / shards
    assert len(parts) == shards
    assert all(0.8 * fair < part < 1.2 * fair for part in parts.values()), parts


@pytest.mark.parametrize("shards", [1, 2, 3, 8])
def test_an_appended_shard_takes_its_part_and_nothing_moves_among_the_others(shards: int) -> None:
    moved = [run for run in IDS if owner(run, shards) != owner(run, shards + 1)]
    assert {owner(run, shards + 1) for run in moved} == {shards}
    fair = len(IDS) / (shards + 1)
    assert 0.8 * fair < len(moved) < 1.2 * fair


def test_the_former_owners_are_those_of_every_shorter_list_newest_first() -> None:
    for run in IDS[:200]:
        was = [owner(run, shards) for shards in range(6, 0, -1)]
        assert former_owners(run, 6) == list(dict.fromkeys(was))
        for since in range(1, 7):
            assert former_owners(run, 6, since) == list(dict.fromkeys(was[: 7 - since]))
