"""The process that runs commands for tests ends, whatever they do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from forking import CommandForker


@pytest.fixture
def own_forker(environ: dict[str, str]) -> Iterator[CommandForker]:
    forker = CommandForker(environ)
    yield forker
    forker.close()


def test_it_ends_while_another_process_has_a_copy_of_its_socket(
    own_forker: CommandForker,
) -> None:
    """A suite ended only when it was killed: a process that pytest had forked kept the socket
    open, so the forker waited for the next command."""
    with own_forker._socket.dup():
        own_forker.close()
    assert own_forker._process.returncode == 0


def test_a_command_that_takes_too_long_leaves_no_answer_for_the_next(
    own_forker: CommandForker, tmp_path: Path, environ: dict[str, str]
) -> None:
    first = own_forker._process
    with pytest.raises(BlockingIOError):
        own_forker.run(("--nonsense",), tmp_path, environ, deadline=0)
    assert first.returncode is not None
    done = own_forker.run(("--version",), tmp_path, environ, deadline=60)
    assert (done.returncode, done.stdout[:7]) == (0, "flowkit")
