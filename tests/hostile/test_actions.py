"""Attacks are drawn alike from one seed, survive their file, and can be shrunk."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowkit.protocol.graphs import digest_of
from flowkit.protocol.keys import Keys

from . import draw
from .__main__ import main
from .actions import Action, Harm, Living, read_actions
from .campaign import CYCLE, Plan, base_graphs, chosen, draw_action, phases
from .hand import KINDS, Hand, Loot
from .shrink import reduced

KEYS = Keys("hostile")
HEAVY = {"graph-bomb", "events-huge"}  # hundreds of megabytes to draw


def drawn(name: str, number: int, seed: int = 1) -> Action:
    rng = random.Random(f"{seed}:{number}")
    return KINDS[name].action(Hand(rng, number, KEYS, Loot(), base_graphs()))


@pytest.mark.parametrize("name", sorted(KINDS.keys() - HEAVY))
def test_a_kind_draws_the_same_from_the_same_seed_and_survives_its_file(name: str) -> None:
    for number in range(20):
        action = drawn(name, number)
        assert action == drawn(name, number)
        assert Action.from_json(action.as_json()) == action
        assert action.commands
        assert all(isinstance(part, bytes) for command in action.commands for part in command)


@pytest.mark.slow
def test_harmless_kinds_write_no_key_of_an_honest_run() -> None:
    """But for what is only shown."""
    shown = {"history", "logs", "sight-fields"}
    for name in sorted(KINDS.keys() - HEAVY - shown):
        if KINDS[name].harm is Harm.NONE:
            keys = [command[1] for number in range(50) for command in drawn(name, number).commands]
            assert not [key for key in keys if b"run:honest" in key], name


@pytest.mark.slow
def test_every_key_of_the_schema_is_attacked() -> None:
    written = b"\n".join(
        part
        for name in sorted(KINDS.keys() - HEAVY)
        for number in range(100)
        for command in drawn(name, number).commands
        for part in command[1:4]
    )
    roles = ("schema", "graph:", "graphs", "run:", "runs", "active", "dead", "cache:", "state:")
    roles += ("ready:", "levels", "wake:", "delayed", "events", "cursor", "quarantine", "leader")
    roles += ("layout", "standby", "workers", "worker:", ":tasks", ":results", ":errors")
    roles += (":claims", ":stops", ":children", ":inputs", "parents")
    assert [role for role in roles if role.encode() not in written] == []


def test_the_page_on_security_counts_the_kinds() -> None:
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
    assert f"with {len(KINDS)} kinds of" in page


def test_an_action_does_not_depend_on_those_before_it() -> None:
    plan = Plan(10, 7, [name for name in chosen() if name not in HEAVY])
    later = draw_action(plan, 42, Harm.NONE, KEYS, Loot())
    for number in range(1, 42):
        draw_action(plan, number, Harm.NONE, KEYS, Loot())
    assert draw_action(plan, 42, Harm.NONE, KEYS, Loot()) == later
    other = draw_action(Plan(10, 8, plan.kinds), 42, Harm.NONE, KEYS, Loot())
    assert other != later


def test_placeholders_are_filled_with_live_names_when_sent() -> None:
    living = Living(lambda: ["w1", "w2"], list, lambda: 1000)
    sent = living.fill_in((b"HSET", b"a:@@worker:3@@.0", b"@@in:-5@@", b"@@scheduler:0@@"))
    assert sent == (b"HSET", b"a:w2.0", b"995", b"nobody")


def test_a_file_of_actions_is_read_without_its_violations(tmp_path: Path) -> None:
    action = Action(3, "ready", Harm.NONE, ((b"SET", b"\xff", b"x" * 5000),), ((b"DEL", b"k"),))
    file = tmp_path / "notes"
    file.write_text(action.as_json() + '\n{"violation": "it broke"}\n')
    assert read_actions(file) == [action]


@pytest.mark.slow
def test_a_bomb_of_a_graph_is_small_and_has_the_address_that_fits() -> None:
    run = Hand(random.Random(1), 1, KEYS, Loot(), base_graphs())
    first = run.submit("hostile-1", b"\x78anything")[0]
    assert first[1] == KEYS.graph(digest_of(first[2])).encode()
    stored = drawn("graph-bomb", 1).commands[0][2]
    assert len(stored) < 4_000_000


def test_a_reshaped_value_differs() -> None:
    packed = draw._head(32, 1, 2)
    changed = {draw.reshaped(random.Random(at), packed) for at in range(50)}
    assert len(changed - {packed}) > 10


def test_all_classes_get_their_share_of_each_round() -> None:
    result = list(phases(0.0, 600.0, 300.0))
    assert [harm for harm, _ in result] == [harm for harm, _ in CYCLE] * 2
    assert result[-1][1] == pytest.approx(600.0)


def test_the_one_action_that_violates_is_found() -> None:
    actions = [Action(number, "ready", Harm.NONE, ()) for number in range(64)]
    tried = 0

    def violates(some: Sequence[Action]) -> bool:
        nonlocal tried
        tried += 1
        return actions[17] in some

    assert reduced(actions, violates) == [actions[17]]
    assert tried < 30


def test_two_actions_that_only_violate_together_are_found() -> None:
    actions = [Action(number, "ready", Harm.NONE, ()) for number in range(16)]
    pair = {3, 12}
    result = reduced(actions, lambda some: pair <= {item.number for item in some})
    assert {item.number for item in result} == pair


def test_a_kind_that_does_not_exist_is_refused() -> None:
    done = CliRunner().invoke(main, ["--only", "sky"])
    assert done.exit_code == 2
    assert "there is no kind 'sky'" in done.output
    assert "events-garbage" in CliRunner().invoke(main, ["--list"]).output
