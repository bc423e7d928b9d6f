"""Families of runs come to rest from every state that they can reach, also grandchildren."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from family_search import Family, Tree, check_ends, search
from real_redis import RealRedis
from stage import Stage

TWO: Tree = {"r1": ("c1", "c2")}
DEEP: Tree = {"r1": ("c1",), "c1": ("g1",)}


@pytest.fixture
def server(redis_server: RealRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url, protocol=2) as server:
        yield server


@pytest.mark.parametrize(
    ("tree", "faults", "only"),
    [
        (TWO, 0, ()),
        (DEEP, 0, ()),
        pytest.param(TWO, 1, (), marks=pytest.mark.slow),
        pytest.param(DEEP, 1, (), marks=pytest.mark.slow),
        pytest.param(TWO, 2, ("fail", "resume child"), marks=pytest.mark.slow),
        pytest.param(DEEP, 2, ("cancel r1", "resume r1"), marks=pytest.mark.slow),
    ],
    ids=["two", "deep", "two, a fault", "deep, a fault", "child resumed", "all resumed"],
)
def test_a_family_comes_to_rest_from_every_state(
    redis_server: RealRedis,
    namespace: str,
    server: redis.Redis,
    tree: Tree,
    faults: int,
    only: tuple[str, ...],
) -> None:
    stage = Stage(redis_server.url, namespace)
    try:
        family = Family(stage, server, tree)
        states = search(family, faults, only)
        assert len(states) > 10
        check_ends(family, states)
        if names := family.names():
            server.delete(*names)
    finally:
        stage.link.close()
