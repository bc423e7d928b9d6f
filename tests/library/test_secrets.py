"""Passwords: no URL is shown with one, no object shows one, and no program inherits one."""

from __future__ import annotations

import dataclasses
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import parse_url

from flowkit.basics import environment
from flowkit.client.client import Client
from flowkit.configuration.redis_url import check_redis_url, redact_url, split_sentinel_url
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import BadRedisURL, FlowkitError, RedisUnavailable
from flowkit.protocol.link import Link
from flowkit.scheduler.config import SchedulerConfig
from flowkit.settings import Settings, load_settings
from flowkit.state import RedisStateManager
from flowkit.system import LocalSystem
from flowkit.worker.config import WorkerConfig

SECRET = "s3cr3t"
URL = f"rediss://user:{SECRET}@127.0.0.1:1/0?ssl_password={SECRET}"

# -- URLs -----------------------------------------------------------------------------------------

# Long and odd enough not to stand in a URL by chance.
passwords = st.text(min_size=1).map(lambda text: f"Zx{text}Qy")


def quoted(password: str) -> str:
    return quote(password.encode("utf-8", "surrogatepass"), safe="")


def escaped(name: str, seed: random.Random) -> str:
    """Return the name of an option with some of its letters as percent escapes."""
    letters = (f"%{ord(letter):02{seed.choice('xX')}}" for letter in name)
    return "".join(seed.choice(pair) for pair in zip(name, letters, strict=True))


def assert_hidden(url: str, password: str) -> None:
    shown = redact_url(url)
    for form in (password, quoted(password), "Zx", "Qy"):
        assert form not in shown, shown


@given(passwords, st.sampled_from(["redis", "rediss", "unix", "redis+sentinel"]))
def test_no_password_of_a_user_is_shown(password: str, scheme: str) -> None:
    rest = {"unix": "/run/redis.sock", "redis+sentinel": "h1,h2/master"}.get(scheme, "host:1/0")
    assert_hidden(f"{scheme}://user:{quoted(password)}@{rest}", password)
    assert_hidden(f"{scheme}://user:{password}@{rest}", password)  # raw: refused, and shown so
    assert_hidden(f"{scheme}://{quoted(password)}@{rest}", password)


@given(
    passwords,
    st.sampled_from(["password", "ssl_password", "sentinel_password"]),
    st.randoms(use_true_random=False),
    st.sampled_from(["?{}", "?db=1&{}", "?{}&db=1", "?db=1;{}", "?&&{}#x", "?x=?{}"]),
)
def test_no_password_of_an_option_is_shown(
    password: str, name: str, seed: random.Random, query: str
) -> None:
    """Seen: ``?%70assword=`` was read by redis-py and shown by us."""
    for value in (quoted(password), password):
        option = f"{escaped(name, seed)}={value}"
        if "&" in value and "=" in value.partition("&")[2]:
            continue  # that is another option, and looks like one
        for url in ("redis://host", "redis://user:pw@host/0", "unix:///s", "rediss+sentinel://h/m"):
            assert_hidden(url + query.format(option), password)


def test_passwords_read_by_the_client_library_are_hidden() -> None:
    url = "redis://host/0?db=1&%70ass%77ord=Zx%3BQy"
    assert parse_url(url)["password"] == "Zx;Qy"
    assert redact_url(url) == "redis://host/0?db=1&%70ass%77ord=***"


@pytest.mark.parametrize(
    "url",
    [
        "redis://host?PASSWORD=Zx",
        "redis://host?%2570assword=Zx",
        "redis://host?pass\tword=Zx",
        "redis://host?auth_token=Zx",
        "redis://u:Zx?password=Qy@host",
        "redis://u:p@Zx?password=Qy@host",
        "redis://a redis://b?p%61ssword=Zx",
        "redis://a?password=Zx b",
    ],
)
def test_possible_passwords_are_hidden_too(url: str) -> None:
    assert_hidden(url, "Zx")


def test_harmless_options_stay() -> None:
    url = "rediss://h?ssl_ca_certs=/ca.pem&ssl_keyfile=/k;x=1&username=u"
    assert redact_url(url) == url


# -- objects --------------------------------------------------------------------------------------


def holders() -> dict[str, Any]:
    """One of each kind of object that holds a URL."""
    settings = Settings(redis_url=f"{URL} redis://:{SECRET}@127.0.0.1:2")
    return {
        "settings": settings,
        "shard": settings.shards[0],
        "shards": settings.shards,
        "sentinel": split_sentinel_url(
            f"redis+sentinel://:{SECRET}@h/m?sentinel_password={SECRET}"
        ),
        "worker": WorkerConfig(("app",), URL),
        "scheduler": SchedulerConfig(URL),
        "local system": LocalSystem("app", url=URL),
        "embedded server": EmbeddedServer(),
        "link": Link(URL),
        "state": RedisStateManager(URL),
    }


@pytest.mark.parametrize("name", holders())
def test_no_object_shows_the_password(name: str) -> None:
    holder = holders()[name]
    for shown in (repr(holder), str(holder), f"{holder}", repr([holder]), repr({1: holder})):
        assert SECRET not in shown


def test_no_configuration_shows_a_url() -> None:
    """No field of a daemon's configuration with a URL in it is shown."""
    for kind in (WorkerConfig, SchedulerConfig):
        fields = {field.name: field for field in dataclasses.fields(kind)}
        assert [name for name in fields if "url" in name and fields[name].repr] == []


def test_no_error_shows_the_password() -> None:
    """Also not by its causes, as a traceback prints them."""
    attempts: list[Any] = [
        lambda: Link(URL, patience=0).call("PING"),
        lambda: Client(Settings(redis_url=URL), patience=0),
        lambda: Link(f"redis://:{SECRET}@h?nonsense=1"),
        lambda: Link(f"redis://:{SECRET}@h?socket_timeout=soon"),
        lambda: check_redis_url(f"http://:{SECRET}@h"),
        lambda: Settings(redis_url=f"redis://:{SECRET}@a redis://:{SECRET}@A"),
        lambda: Settings(redis_url=f"redis://h?pa%73sword={SECRET} x"),
    ]
    for attempt in attempts:
        with pytest.raises(FlowkitError) as caught:
            attempt()
        error: BaseException | None = caught.value
        assert isinstance(error, RedisUnavailable | BadRedisURL | FlowkitError)
        while error is not None:
            assert SECRET not in f"{error} {error!r}"
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_pickled_error_contains_no_url() -> None:
    with pytest.raises(RedisUnavailable) as caught:
        Link(URL, patience=0).call("PING")
    assert SECRET.encode() not in pickle.dumps(caught.value)


# -- what programs inherit ------------------------------------------------------------------------


def test_programs_do_not_inherit_secrets_but_flowkit_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_withheld", {})
    secrets = {
        "FLOWKIT_REDIS_URL": URL,
        "FLOWKIT_SIGNING_KEY": SECRET * 4,
        "FLOWKIT_SOME_PASSWORD": SECRET,
        "FLOWKIT_API_TOKEN_2": SECRET,
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FLOWKIT_NAMESPACE", "shop")
    monkeypatch.setenv("OTHER_PASSWORD", "not ours")
    environment.withhold_secrets()
    code = "import os; print(sorted(name for name in os.environ if name.startswith('FLOWKIT')))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout == "['FLOWKIT_NAMESPACE']\n"
    assert os.environ["OTHER_PASSWORD"] == "not ours"
    settings = load_settings(cwd=tmp_path)
    assert (settings.redis_url, settings.namespace) == (URL, "shop")
    assert settings.signing_key, "a worker signs with what its programs do not see"
    assert settings.source("redis_url") == "environment FLOWKIT_REDIS_URL"
    monkeypatch.setenv("FLOWKIT_REDIS_URL", "redis://chosen")
    assert load_settings(cwd=tmp_path).redis_url == "redis://chosen"
