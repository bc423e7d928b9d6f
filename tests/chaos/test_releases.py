"""The made-up release differs from this one in every script that it should."""

from __future__ import annotations

from pathlib import Path

from .releases import CHANGES, next_release


def test_the_next_release_can_be_made_of_this_one(tmp_path: Path) -> None:
    protocol = next_release(tmp_path) / "flowkit" / "protocol"
    for file, changes in CHANGES.items():
        text = (protocol / file).read_text()
        assert all(after in text for _, after in changes), file
