"""The command that changes one thing measures each variant; no figure is judged."""

from __future__ import annotations

import json

import pytest
from running import run_module


@pytest.mark.slow
def test_each_variant_is_shown_beside_the_unchanged_system() -> None:
    options = ("--repeat", "1", "--share", "0.001", "--json")
    with_ = ("--with", "unix-socket", "--with", "no-hiredis")
    done = run_module("benchmarks.variants", {}, *options, *with_)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert {figure["variant"] for figure in figures} == {"as it is", "unix-socket", "no-hiredis"}
    assert len({figure["what"] for figure in figures}) == 5
    assert all(value > 0 for figure in figures for value in figure["values"])


@pytest.mark.slow
def test_the_embedded_store_is_varied_too() -> None:
    options = ("--store", "embedded", "--repeat", "1", "--share", "0.001", "--json")
    done = run_module("benchmarks.variants", {}, *options, "--with", "port", "--with", "signed")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert {figure["variant"] for figure in figures} == {"as it is", "port", "signed"}


@pytest.mark.slow
def test_a_variant_that_a_store_lacks_is_refused() -> None:
    done = run_module("benchmarks.variants", {}, "--with", "port")
    assert done.returncode == 2
    assert "port is nothing that can be changed of the redis store" in done.stderr


@pytest.mark.slow
def test_an_unknown_variant_is_refused() -> None:
    done = run_module("benchmarks.variants", {}, "--with", "more-cores")
    assert done.returncode == 2
    assert "'more-cores' is not one of" in done.stderr
