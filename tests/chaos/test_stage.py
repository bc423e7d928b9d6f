"""A stage ends what it has started, whatever breaks, and whenever."""

from __future__ import annotations

import pytest
from real_redis import RealRedis

from . import stage as stage_module
from .stage import Stage

pytestmark = pytest.mark.slow


def test_every_redis_ends_with_the_stage() -> None:
    """A scenario that failed while a second server stood by left that one running."""
    stage = Stage(1)
    first, second = stage.redis, stage.keep(RealRedis(stage.folder / "second"))
    second.start()
    stage.redis = second
    stage.client.close()
    stage.client.close = lambda: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        stage.__exit__(None, None, None)
    assert (first.process, second.process) == (None, None)
    assert not stage.folder.exists()


def test_a_stage_that_fails_to_start_stops_what_it_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(port: int) -> None:
        raise LookupError("no proxy")

    made: list[RealRedis] = []
    start = RealRedis.start

    def noted(self: RealRedis, *options: str) -> RealRedis:
        made.append(self)
        return start(self, *options)

    monkeypatch.setattr(RealRedis, "start", noted)
    monkeypatch.setattr(stage_module, "Proxy", broken)
    with pytest.raises(LookupError, match="no proxy"):
        Stage(1)
    assert [item.process for item in made] == [None]
