"""What errors of a Redis say: what is wrong, in words of the reader's, and what to do."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis.exceptions as rx

from flowkit.basics import pages
from flowkit.basics.pages import page
from flowkit.protocol.advice import advice_for
from flowkit.protocol.reply_errors import as_store_error, refused_login

ROOT = Path(__file__).parents[2]
DIGEST = "f851fa586345febd9aad7160cf12b4853b5472a2"
# As Redis 7.0 and 6.2 say it.
DENIED_IN_SCRIPT = (
    f"The user executing the script can't run this command or subcommand script: {DIGEST}, on "
    "@user_script:7.",
    f"Error running script (call to f_{DIGEST}): @user_script:7: @user_script: 7: The user "
    "executing the script can't run this command or subcommand",
)


@pytest.mark.parametrize("said", DENIED_IN_SCRIPT)
def test_a_denial_in_a_script_names_the_role_not_the_script(said: str) -> None:
    error = as_store_error("redis://shop-worker:***@redis:6379/0", rx.ResponseError(said))
    assert str(error) == (
        "Redis at redis://shop-worker:***@redis:6379/0 does not allow this: a script may not run "
        "a command that it needs. By its name, 'shop-worker' is the user of the role 'worker'. "
        "Use the user of the role that this program has, or give it all rights of its role: see "
        "docs/howto/secure-redis.md#a-user-for-each-role"
    )


def test_a_user_of_no_known_role_is_to_be_given_its_rights() -> None:
    said = "this user has no permissions to run the 'flushall' command"
    for where in ("redis://:***@redis:6379/0", "redis://me:***@redis:6379/0", "redis://h"):
        text = str(as_store_error(where, rx.NoPermissionError(said)))
        assert f"does not allow this: {said}. Give the user of this URL the commands" in text


@pytest.mark.parametrize(
    ("said", "tells"),
    [
        (
            "invalid username-password pair or user is disabled.",
            "or user is disabled. Check user and password in the URL",
        ),
        ("Authentication required.", "required. Write the URL with a password"),
        (
            "AUTH <password> called without any password configured for the default user. Are you "
            "sure your configuration is correct?",
            "correct? It has no password for this user: omit it",
        ),
    ],
)
def test_a_refused_login_says_what_to_look_at(said: str, tells: str) -> None:
    text = str(refused_login("redis://h", rx.AuthenticationError(said)))
    assert tells in text
    assert ".." not in text
    assert "redis://USER:PASSWORD@HOST:PORT/DB" in text


@pytest.mark.parametrize(
    ("error", "url", "tells"),
    [
        ("certificate verify failed: self-signed certificate", "rediss://h", "ssl_ca_certs=FILE"),
        (
            "certificate verify failed: Hostname mismatch, certificate is not valid for 'h'.",
            "rediss://h",
            "names another host",
        ),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "rediss://h", "redis:// for rediss"),
        (
            "No such file",
            "unix://:x@/tmp/flowkit-ab12/redis.sock",
            "a 'flowkit dev' that has ended",
        ),
        ("No such file", "unix:///run/redis.sock", "Is it running"),
        ("Connection refused", "redis://h", "Is it running"),
    ],
)
def test_an_unusable_redis_comes_with_advice(error: str, url: str, tells: str) -> None:
    assert tells in advice_for(OSError(error), url)


def test_a_page_is_named_by_its_address_where_the_project_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries = ["Source, https://example.org/flowkit", "Documentation, https://example.org/docs/"]
    about: Any = SimpleNamespace(get_all=lambda name: entries)
    monkeypatch.setattr(metadata, "metadata", lambda name: about)
    pages._base.cache_clear()
    try:
        assert page("howto/shards.md", "x") == "https://example.org/docs/howto/shards.md#x"
        entries.pop()
        pages._base.cache_clear()
        assert page("howto/shards.md") == "docs/howto/shards.md"
    finally:
        pages._base.cache_clear()


def test_the_pages_and_headings_that_messages_name_are_there() -> None:
    named = [(pages.SECURE_REDIS, heading) for heading in ("", "versions", "tls")]
    named += [(pages.SECURE_REDIS, "a-user-for-each-role"), (pages.SHARDS, "")]
    for path, heading in named:
        file = ROOT / "docs" / path
        headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
        assert not heading or heading in {item.lower().replace(" ", "-") for item in headings}
