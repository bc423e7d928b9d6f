"""Several addresses of Redis in the settings: shards."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_settings import failure, project

from flowkit.exceptions import SettingsError
from flowkit.settings import Settings, load_settings


def shards(urls: object, namespace: str = "flowkit") -> list[tuple[str, str, str]]:
    result = Settings(redis_url=urls, namespace=namespace).shards  # type: ignore[arg-type]
    return [(shard.shard_position, shard.url, shard.namespace) for shard in result]


def test_several_urls_are_as_many_shards() -> None:
    assert shards(None) == []
    assert shards("redis://a") == [("0/1", "redis://a", "flowkit")]
    two = [("0/2", "redis://a", "team"), ("1/2", "redis://b:1/3", "team")]
    assert shards(" redis://a\n  redis://b:1/3 ", "team") == two
    assert shards(["redis://a", "redis://b:1/3"], "team") == two


def test_the_fragment_of_a_url_names_the_namespace_of_its_shard() -> None:
    assert shards("redis://a/0#etl redis://a/0", "team") == [
        ("0/2", "redis://a/0", "etl"),
        ("1/2", "redis://a/0", "team"),
    ]
    assert shards("redis://a#x") == [("0/1", "redis://a", "x")]


def test_a_file_may_have_the_urls_as_a_list(tmp_path: Path) -> None:
    project(tmp_path, '[tool.flowkit]\nredis-url = ["redis://a", "redis://b#x"]')
    settings = load_settings(cwd=tmp_path, environ={})
    assert settings.redis_url == "redis://a redis://b#x"
    project(tmp_path, '[tool.flowkit]\nredis-url = ["redis://:secret@a", 5]')
    message = failure(tmp_path)
    assert "redis_url = ['redis://:***@a', 5]" in message
    assert "it is not a string" in message


def test_a_shard_is_shown_without_its_password() -> None:
    (_, second) = Settings(redis_url="redis://a redis://u:secret@b#x").shards
    assert repr(second) == "shard 1/2 (redis://u:***@b, namespace 'x')"
    both = repr(Settings(redis_url="redis://:secret@a redis://u:secret@b#x"))
    assert "redis_url='redis://:***@a redis://u:***@b#x'" in both


@pytest.mark.parametrize(
    ("urls", "twins"),
    [
        ("redis://a redis://a", "shards 0 and 1"),
        ("redis://a redis://b redis://:secret@B:6379/0/#flowkit", "shards 1 and 2"),
        ("unix:///s#x unix:///t#x unix:///s#x", "shards 0 and 2"),
        ("redis+sentinel://h1,h2/m redis+sentinel://u:secret@h1,h2/m", "shards 0 and 1"),
    ],
)
def test_one_namespace_cannot_be_two_shards(urls: str, twins: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(redis_url=urls)
    message = str(caught.value)
    assert message.startswith("redis_url (Settings(...)) is not allowed: " + twins)
    assert "give each its own namespace after a #" in message
    assert "secret" not in message


def test_a_bad_url_among_several_is_named_by_its_number(tmp_path: Path) -> None:
    message = failure(tmp_path, {"FLOWKIT_REDIS_URL": "redis://:secret@a redis://b:port"})
    assert "part 2 of 2, separated by spaces, is not a URL: its port is not a number" in message
    assert "secret" not in message
    message = failure(tmp_path, {"FLOWKIT_REDIS_URL": "redis://a#no/namespace redis://b"})
    assert "part 1 of 2, separated by spaces, is not a URL: it has a # or ? in a place" in message
