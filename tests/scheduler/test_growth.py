"""A longer list of shards is asked about everywhere before it is written down anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers import free_port

from flowkit.configuration.shards import Shard, shards_of
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RedisUnavailable, WrongShards
from flowkit.protocol.keys import Keys
from flowkit.protocol.link import Link
from flowkit.protocol.namespace import drop_namespace
from flowkit.scheduler.growth import check_growth

Positions = dict[str, str]


@pytest.fixture
def names(namespace: str) -> list[str]:
    return [f"{namespace}.{name}" for name in "abcx"]


@pytest.fixture
def link(fake_server: EmbeddedServer, names: list[str]) -> Iterator[Link]:
    """A system of the shards a and b; c is new, x belongs to another system."""
    link = Link(fake_server.url)
    a, b, _, x = (Keys(name).layout() for name in names)
    for key, shard_position in ((a, "0/2/2"), (b, "1/2/2"), (x, "0/1/1")):
        link.call("SET", key, shard_position)
    yield link
    for name in names:
        drop_namespace(link, name)
    link.close()


def shards(link: Link, names: list[str], letters: str) -> tuple[Shard, ...]:
    urls = [f"{link.url}#{name}" for name in names if name[-1] in letters]
    order = sorted(urls, key=lambda url: letters.index(url[-1]))
    return shards_of(" ".join(order), "flowkit")


@pytest.mark.parametrize("letters", ["ab", "abc", "c", "cb"])
def test_an_equal_list_or_one_with_new_shards_is_accepted(
    link: Link, names: list[str], letters: str
) -> None:
    """Another place in a list of the same length is refused by the shard itself."""
    check_growth(shards(link, names, letters))


@pytest.mark.parametrize("shard_position", ["1/0/0", "1/1/1", "0/1/2", "\udcff"])
@pytest.mark.parametrize("letters", ["a", "ac"])
def test_an_invalid_shard_position_does_not_block_a_scheduler(
    link: Link, names: list[str], letters: str, shard_position: str
) -> None:
    """Position 1 of 0 was read as another, shorter list, and ended each scheduler that started."""
    link.call("SET", Keys(names[0]).layout(), shard_position.encode("utf-8", "surrogateescape"))
    check_growth(shards(link, names, letters))


@pytest.mark.parametrize("letters", ["acb", "bac", "abx", "cab", "axb"])
def test_a_wrong_longer_list_is_refused_before_anything_is_written(
    link: Link, names: list[str], letters: str
) -> None:
    """The shards that it fits would have noted it, and the right list would be refused."""
    with pytest.raises(WrongShards, match="the list of Redis URLs makes"):
        check_growth(shards(link, names, letters))


def test_a_list_with_a_shard_of_another_system_is_refused(link: Link, names: list[str]) -> None:
    link.call("SET", Keys(names[2]).cursor(), "0")
    with pytest.raises(WrongShards, match="of another system"):
        check_growth(shards(link, names, "abc"))


def test_all_shards_must_answer_once(link: Link, names: list[str]) -> None:
    a, b = shards(link, names, "ab")
    gone = f"redis://127.0.0.1:{free_port()}"
    longer = shards_of(f"{a.url}#{a.namespace} {b.url}#{b.namespace} {gone}", "flowkit")
    with pytest.raises(RedisUnavailable, match="longer than before, so all of its shards"):
        check_growth(longer)
    as_it_was = shards_of(f"{a.url}#{a.namespace} {gone}", "flowkit")
    check_growth(as_it_was)
