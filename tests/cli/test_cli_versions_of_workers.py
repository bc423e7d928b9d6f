"""``flowkit workers`` shows all versions that the processes of a worker have loaded."""

from __future__ import annotations

import pytest

from flowkit.cli.workers import _show
from flowkit.client.documents.make_workers import worker_entry
from flowkit.client.documents.system import Workers
from flowkit.core.worker_info import WorkerInfo


@pytest.mark.parametrize(
    ("version", "others", "shown"),
    [("", (), ""), ("1.0", (), "1.0"), ("1.0", ("1.1", "1.2"), "1.0, 1.1, 1.2")],
)
def test_all_versions_are_in_one_column(
    version: str, others: tuple[str, ...], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    info = WorkerInfo("w", app="a.py", app_version=version, other_versions=others, version="0.9")
    entry = worker_entry(info, None)
    assert (entry.app_version, entry.other_versions) == (version, list(others))
    document = Workers(
        scheduler=True,
        shards=1,
        shards_without=[],
        items=[entry],
        damaged=[],
        matching=1,
        more=False,
    )
    _show(document, {}, all_of_them=True)
    head, row = capsys.readouterr().out.splitlines()
    at = head.index("APP_VERSION")
    assert row[at:].removesuffix("0.9").strip() == shown
