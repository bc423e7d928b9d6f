"""Several URLs: which of them are one place, and what may stand behind a #."""

from __future__ import annotations

import pytest
from redis.connection import parse_url

from flowkit import Client
from flowkit.configuration.redis_url import check_redis_url
from flowkit.configuration.shards import server_of
from flowkit.exceptions import SettingsError
from flowkit.settings import Settings, load_settings, redact_url

SENTINELS = "redis+sentinel://h1,h2"


@pytest.mark.parametrize(
    "urls",
    [
        "redis://h/1 redis://h?db=1",
        "redis://h redis://localhost.h redis://h:6379/0",
        f"{SENTINELS}/m {SENTINELS}/m/0",
        f"{SENTINELS}/m redis+sentinel://h2,H1:26379/m",
        "unix:///r.sock unix:///r.sock?db=0",
    ],
)
def test_two_spellings_of_one_namespace_are_equal(urls: str) -> None:
    with pytest.raises(SettingsError, match=r"are both namespace 'flowkit'"):
        Settings(redis_url=urls)


@pytest.mark.parametrize(
    "urls",
    [
        "redis://h?db=1 redis://h?db=2",
        f"{SENTINELS}/m/0 {SENTINELS}/m/1",
        f"{SENTINELS}/m {SENTINELS}/n",
        "unix:///r.sock?db=0 unix:///r.sock?db=1",
        "redis://h redis://h#other",
    ],
)
def test_different_namespaces_are_different(urls: str) -> None:
    assert len(Settings(redis_url=urls).shards) == 2


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://h/",
        "redis://u:p%40w@H:7000/3/?client_name=c",
        "redis://:p@[::1]:7000/3?db=4",
        "redis:///2",
        "rediss://h%2Dx/5?ssl_cert_reqs=none",
        "unix:///a%20b.sock",
        "unix://:p@/r.sock?db=6",
    ],
)
def test_a_place_is_read_as_redis_py_reads_it(url: str) -> None:
    parts = parse_url(check_redis_url(url))
    place = parts.get("path") or (parts.get("host", "localhost"), parts.get("port", 6379))
    assert server_of(url) == (place, parts.get("db", 0))


def test_a_database_that_is_no_number_is_named() -> None:
    with pytest.raises(SettingsError, match="its option db is not the number of a database"):
        Settings(redis_url="redis://h?db=first redis://h?db=second")


@pytest.mark.parametrize("many", [False, True])
def test_a_password_with_a_raw_hash_names_no_namespace_and_is_not_shown(many: bool) -> None:
    url = "redis://h:6379/0?password=open#sesame"
    with pytest.raises(SettingsError) as caught:
        Settings(redis_url=f"redis://a {url}" if many else url)
    assert "it has a # or ? in a place where that ends the host" in str(caught.value)
    for text in (str(caught.value), redact_url(url), redact_url(f"redis://a {url}")):
        assert "sesame" not in text
        assert "open" not in text


def test_a_namespace_that_is_given_beside_another_one_in_the_url_is_refused() -> None:
    """It did nothing."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={}, redis_url="redis://:secret@h#etl", namespace="shop")
    assert str(caught.value) == (
        "namespace = 'shop' (flag --namespace) contradicts redis://:***@h#etl (flag --redis): a "
        "URL with a # already names the namespace. Leave one of them out."
    )
    with pytest.raises(SettingsError):
        Client.connect("redis://h#etl", "shop")


def test_the_environment_s_namespace_is_for_urls_that_name_none() -> None:
    environ = {"FLOWKIT_NAMESPACE": "shop"}
    both = load_settings(environ=environ, redis_url="redis://a redis://b#etl").shards
    assert [shard.namespace for shard in both] == ["shop", "etl"]
    same = load_settings(environ={}, redis_url="redis://a#etl", namespace="etl").shards
    assert [shard.namespace for shard in same] == ["etl"]
