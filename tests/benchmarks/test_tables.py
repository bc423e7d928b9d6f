"""The benchmark of tables: it measures each of them, and what comes back is what went in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from click.testing import CliRunner
from tables import assert_same

from flowkit.codec.packing import pack, unpack


def test_each_table_comes_back_and_is_measured(part: Callable[[str], Any]) -> None:
    benchmark = part("tables")
    for table in benchmark.tables(300).values():
        assert_same(unpack(pack(table)), table)
        assert min(benchmark.measure(table, 1)) > 0


def test_the_command_prints_a_row_for_each(part: Callable[[str], Any]) -> None:
    benchmark = part("tables")
    ended = CliRunner().invoke(benchmark.main, ["--rows", "10", "--repeat", "1"])
    assert ended.exit_code == 0, ended.output
    assert len(ended.output.splitlines()) == 2 + len(benchmark.tables(10))
