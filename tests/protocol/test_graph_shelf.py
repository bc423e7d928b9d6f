"""Graphs at hand: bounded by their number and by their tasks; the one used last always stays."""

from __future__ import annotations

from world import compiled

from flowkit.protocol.graph_shelf import GraphShelf


def kept(shelf: GraphShelf, *digests: str) -> list[str]:
    return [digest for digest in digests if shelf.get(digest) is not None]


def test_what_was_used_last_stays() -> None:
    shelf = GraphShelf(most_tasks=1000, most_graphs=2)
    shelf.keep("a", compiled(1))
    shelf.keep("b", compiled(1))
    assert shelf.get("a") is not None
    shelf.keep("c", compiled(1))
    assert kept(shelf, "a", "b", "c") == ["a", "c"]


def test_large_graphs_make_room_for_each_other() -> None:
    """Sixty-four graphs of a million tasks each would take more memory than most machines have."""
    shelf = GraphShelf(most_tasks=10)
    for digest in "abc":
        shelf.keep(digest, compiled(4))
    assert kept(shelf, "a", "b", "c") == ["b", "c"]
    shelf.keep("large", compiled(50))
    assert kept(shelf, "a", "b", "c", "large") == ["large"]
    shelf.keep("small", compiled(2))
    assert kept(shelf, "large", "small") == ["small"]
    for digest in "def":
        shelf.keep(digest, compiled(2))
    assert len(shelf) == 4, "what is gone counts no more"


def test_one_that_is_kept_again_counts_once() -> None:
    shelf = GraphShelf(most_tasks=8)
    for _ in range(3):
        shelf.keep("a", compiled(4))
    shelf.keep("b", compiled(4))
    assert kept(shelf, "a", "b") == ["a", "b"]
