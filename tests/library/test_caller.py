"""Who submits, cancels and resumes runs is told as ``USER@HOST via CHANNEL``, in plain ASCII."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator

import pytest

from flowkit.client import caller as callers
from flowkit.client.caller import caller, calling_for, calling_through
from flowkit.context import Attempt, attempt_scope
from flowkit.protocol.limits import MAX_CALLER


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    callers._account.cache_clear()
    yield
    callers._account.cache_clear()


def test_a_program() -> None:
    assert caller() == f"{getpass.getuser()}@{socket.gethostname()} via api"
    with calling_through("cli"):
        assert caller().endswith(" via cli")
    assert caller().endswith(" via api")


def test_a_person_whom_a_program_serves() -> None:
    with calling_through("cli"):
        with calling_for("", "dashboard"):
            assert caller() == f"{getpass.getuser()}@{socket.gethostname()} via dashboard"
        with calling_for("\x1bada", "dashboard"):
            assert caller() == f"?ada@{socket.gethostname()} via dashboard"
        assert caller().endswith(" via cli")


def test_a_task() -> None:
    with attempt_scope(Attempt("r1", "load", 2, {})):
        assert caller().endswith(" via task load of run r1")


def test_names_that_no_terminal_should_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "_user", lambda: "\x1b[2J" + "x" * 100)
    monkeypatch.setattr(socket, "gethostname", lambda: "h\u00f6st " + "y" * 100)
    with attempt_scope(Attempt("r" * 128, "l\u00f6ad" * 50, 1, {})):
        text = caller()
    assert text.isascii()
    assert text.isprintable()
    assert text.startswith("?[2Jx")
    assert "@h?st?y" in text
    assert len(text) <= MAX_CALLER


def test_an_account_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def unknown(number: int) -> object:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert caller().partition("@")[0].isdecimal()
