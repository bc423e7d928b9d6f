"""Crawl a folder and find files that are stored twice.

Shows tasks that are mapped over what other tasks found: how many folders and files there are is
known only in the run. `flatten` maps over the files of all folders together, and
`failures="collect"` lets a file that cannot be read spoil nothing but itself.

    find_folders ─▶ list_folder[] ─▶ digest[] ─▶ report

    flowkit run examples/tree_crawler.py -p root=src
    python examples/tree_crawler.py

Run parameters:

    root    the folder to crawl (default: the folder of this file)
    least   the smallest size in bytes of a file that is compared (default: 1)

Links are not followed. If workers run on several machines, each must have the same tree.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TypedDict

from flowkit import DAG, task

CHUNK = 1 << 20


class Digest(TypedDict):
    """The content of one file."""

    path: str
    size: int
    sha256: str


class Report(TypedDict):
    """What was found: groups of equal files, those that waste most first."""

    files: int
    unreadable: int
    wasted: int
    equal: list[list[str]]


@task
def find_folders(root: str = "") -> list[str]:
    """Return the folder and all folders below it, sorted."""
    top = Path(root or Path(__file__).parent).resolve()
    if not top.is_dir():
        raise NotADirectoryError(f"root: {root!r} is no folder. Give a folder to crawl.")
    return sorted(folder for folder, _, _ in os.walk(top))


@task(retries=1, retry_on=OSError)
def list_folder(folder: str, least: int = 1) -> list[str]:
    """Return the files that lie in one folder and are large enough, sorted."""
    with os.scandir(folder) as entries:
        return sorted(
            entry.path
            for entry in entries
            if entry.is_file(follow_symlinks=False)
            and entry.stat(follow_symlinks=False).st_size >= least
        )


@task
def digest(path: str) -> Digest:
    """Read one file."""
    content = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            content.update(chunk)
    return {"path": path, "size": os.path.getsize(path), "sha256": content.hexdigest()}


@task
def report(digests: list[Digest | None]) -> Report:
    """Group equal files. None stands for a file that could not be read."""
    readable = [found for found in digests if found is not None]
    groups: dict[str, list[Digest]] = {}
    for found in readable:
        groups.setdefault(found["sha256"], []).append(found)
    twice = [group for group in groups.values() if len(group) > 1]
    twice.sort(key=lambda group: (-group[0]["size"] * (len(group) - 1), group[0]["path"]))
    return {
        "files": len(readable),
        "unreadable": len(digests) - len(readable),
        "wasted": sum(group[0]["size"] * (len(group) - 1) for group in twice),
        "equal": [[found["path"] for found in group] for group in twice],
    }


with DAG("tree_crawler") as dag:
    listings = list_folder.map(label="{folder}")
    digests = digest.map(flatten=True, failures="collect", max_active=100, label="{path}")
    find_folders >> listings >> digests >> report


if __name__ == "__main__":
    found = dag.run()["report"]
    print(f"{found['files']:,} files, {found['unreadable']} could not be read")
    print(f"{len(found['equal'])} groups of equal files waste {found['wasted']:,} bytes")
    for paths in found["equal"]:
        print("  " + "  =  ".join(paths))
