"""What docs/guarantees.md promises can be seen: each line names a test that there is."""

from __future__ import annotations

import re

import selection
from command_lines import matching_tests
from pages import ROOT

from flowkit.core.retry import Policy, delay_before_retry

PAGE = ROOT / "docs" / "guarantees.md"
RETRIES = ROOT / "docs" / "howto" / "retries.md"
FAULTS = ("raises", "timeout", "killed", "machine", "scheduler", "restarts", "cut off", "memory")
FAULTS += ("hostile", "role", "forged")


def rows() -> list[list[str]]:
    """Return the rows of all tables that have a column of tests."""
    text = PAGE.read_text()
    tables = re.findall(r"^\| When \| .* \| Test \|\n\|[- |]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_row_names_an_existing_test() -> None:
    result = rows()
    assert len(result) >= 20
    lost = [row[2] for row in result if not matching_tests([row[2].strip("`")])]
    assert lost == []


def test_every_row_is_tested_by_a_default_run() -> None:
    for row in rows():
        path, _, name = row[2].strip("`").partition("::")
        assert name not in selection.slow_tests(ROOT / path), row[2]


def test_every_fault_has_its_row() -> None:
    said = "\n".join(row[0] for row in rows())
    assert [fault for fault in FAULTS if fault not in said] == []


def test_no_test_proves_two_rows() -> None:
    named = [row[2] for row in rows()]
    assert len(set(named)) == len(named)


def test_the_waits_on_the_page_about_retries_are_those_of_the_policy() -> None:
    policy = Policy(retries=4, delay=2, max_delay=10)
    waits = [delay_before_retry(policy, failures, 0.0) for failures in range(1, 5)]
    assert waits == [2.0, 4.0, 8.0, 10.0]
    text = RETRIES.read_text()
    assert "`delay=2, max_delay=10`" in text
    assert re.findall(r"(\d+) s\b", text.split("## What is worth")[0]) == ["2", "4", "8", "10"]
