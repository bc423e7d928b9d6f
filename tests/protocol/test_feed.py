"""Listening to runs, one after the other, over one connection."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from flowkit.protocol.feed import Feed
from flowkit.protocol.keys import Keys
from flowkit.protocol.link import Link


@pytest.fixture
def feed(server_url: str, namespace: str) -> Iterator[Feed]:
    feed = Feed(server_url, namespace)
    yield feed
    feed.close()


@pytest.fixture
def publish(server_url: str, namespace: str):
    link = Link(server_url)
    yield lambda run: link.call("PUBLISH", Keys(namespace).feed(run), "over succeeded")
    link.close()


def heard(feed: Feed, patience: float) -> bool:
    """Whether something came before ``patience`` seconds were over."""
    began = time.monotonic()
    feed.next(patience)
    return time.monotonic() - began < patience


def test_a_message_ends_the_wait(feed: Feed, publish) -> None:
    feed.listen("r1")
    publish("r1")
    assert heard(feed, 20.0)


def test_an_oversized_message_turns_the_wait_into_a_pause(
    feed: Feed, server_url: str, namespace: str
) -> None:
    feed.listen("r1")
    link = Link(server_url)
    link.call("PUBLISH", Keys(namespace).feed("r1"), b"x" * 1_000_000)
    link.close()
    assert not heard(feed, 0.05)


def test_messages_about_an_earlier_run_are_not_taken_for_the_next(feed: Feed, publish) -> None:
    feed.listen("r1")
    publish("r1")
    publish("r1")
    feed.leave()
    feed.listen("r2")
    publish("r1")
    assert not heard(feed, 0.2)
    publish("r2")
    assert heard(feed, 20.0)


def test_listening_again_to_the_same_run_hears_it(feed: Feed, publish) -> None:
    for _ in range(3):
        feed.listen("r1")
        publish("r1")
        assert heard(feed, 20.0)
        feed.leave()
