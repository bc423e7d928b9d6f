"""The table of commands per role is what the stores and the scripts of each role really send."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import pytest

from flowkit.daemon.health import CHECKS, check_scheduler, check_worker
from flowkit.embedded import EmbeddedServer
from flowkit.protocol import keys
from flowkit.protocol.client_store import ClientStore
from flowkit.protocol.link import Link
from flowkit.protocol.roles import DROPS_A_NAMESPACE, ROLES, SENT_BY_ALL, VIEWER, Role
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.scripts import script
from flowkit.protocol.worker_store import WorkerStore

PROTOCOL = Path(keys.__file__).parent
# Role → the modules that read and call scripts for it.
MODULES = {
    "client": (
        "store",
        "queue_reads",
        "bounded_reads",
        "run_reads",
        "list_reads",
        "progress_reads",
        "running_reads",
        "queue_depths",
        "vitals",
        "cause_reads",
        "change_store",
        "client_store",
        "history_reads",
        "family_reads",
        "log_chunks",
        "feed",
    ),
    "scheduler": (
        "store",
        "queue_reads",
        "lease_store",
        "fact_store",
        "scheduler_store",
        "upkeep_store",
        "parent_store",
        "family_reads",
    ),
    "worker": (
        "store",
        "worker_store",
        "call_store",
        "progress_store",
        "item_store",
        "log_store",
    ),
    "state": ("state_store",),
}
# Words in capitals that are no commands: options, replies, and sets of outcomes' letters.
NO_COMMANDS = {"LIMIT", "COUNT", "BLOCK", "STREAMS", "WITHSCORES", "MINID", "MAXLEN", "FENCED"}
NO_COMMANDS |= {"FCS", "FUCSK"}
_CALL = re.compile(
    r'(?:call\(|send_command\(|read_list\(\s*self\.link,)\s*"([A-Z]+)"'
    r'|\("([A-Z]{3,}(?:", "USAGE)?)",'
)
_SCRIPT = re.compile(r'_(?:script|scripts|fenced)\(\s*"(\w+)"')
_COMMENT, _REPLY = re.compile(r"--[^\n]*"), re.compile(r"(return|reply =) \{'[A-Z]+'")


def sent(role: str) -> set[str]:
    """Return the commands that the modules of a role send, and those that their scripts call."""
    commands: set[str] = set()
    for module in MODULES[role]:
        text = (PROTOCOL / f"{module}.py").read_text()
        words = {item or other for item, other in _CALL.findall(text)}
        commands |= words.union(*map(called_by, _SCRIPT.findall(text)))
    return {_as_rule(word) for word in commands - NO_COMMANDS}


def _as_rule(word: str) -> str:
    return word.lower().replace('", "', "|")


def called_by(name: str) -> set[str]:
    """Return the words in capitals of a script, but for those that it replies."""
    text = _REPLY.sub("", _COMMENT.sub("", script(name).text))
    return set(re.findall(r"'([A-Z]{3,})'", text))


def sent_by_health_check(server: EmbeddedServer, namespace: str, role: str) -> set[str]:
    """Return the commands that a health check of a role that works sends."""
    commands: set[str] = set()
    link = Link(server.url)
    SchedulerStore(link, namespace, "s1").acquire_lease(60_000)
    about: bytes = msgpack.packb({"host": "h"})
    WorkerStore(link, namespace).heartbeat("w0000001", 60_000, [], about)
    for name in ("_exchange", "_exchange_all"):
        setattr(link, name, _noting(commands, getattr(link, name)))
    store = ClientStore(link, namespace)
    check = {"scheduler": check_scheduler, "worker": partial(check_worker, host="h")}[role]
    assert check(store)
    link.close()
    return commands


def _noting(commands: set[str], send: Callable[..., Any]) -> Callable[..., Any]:
    def noting(words: Sequence[Any], **options: Any) -> Any:
        sent_now = words if isinstance(words[0], tuple) else [words]
        commands.update(str(item[0]).lower() for item in sent_now)
        return send(words, **options)

    return noting


@pytest.mark.parametrize(
    "role", [role for role in ROLES if role.runs_scripts], ids=lambda role: role.name
)
def test_the_table_matches_the_commands_in_the_code(
    role: Role, fake_server: EmbeddedServer, namespace: str
) -> None:
    needed = sent(role.name)
    if role.name in CHECKS:
        needed |= sent_by_health_check(fake_server, namespace, role.name)
    assert role.commands - SENT_BY_ALL == needed - SENT_BY_ALL


def test_a_viewer_sends_what_clients_send_beside_scripts() -> None:
    """Which of a client's own commands read is asked of a server: tests/integration."""
    own: set[str] = set()
    for module in MODULES["client"]:
        text = (PROTOCOL / f"{module}.py").read_text()
        own |= {_as_rule(item or other) for item, other in _CALL.findall(text)}
    assert VIEWER.commands == own - {word.lower() for word in NO_COMMANDS}
    assert not {"eval", "evalsha"} & VIEWER.sent


@pytest.mark.parametrize(
    ("key", "writers"),
    [
        ("leader", "scheduler"),
        ("standby", "scheduler"),
        ("cursor", "scheduler"),
        ("layout", "scheduler"),
        ("quarantine", "scheduler"),
        ("cache:*", "worker"),
        ("state:*", "state"),
        ("workers", "scheduler worker"),
        ("worker:*", "scheduler worker"),
        ("ready:*", "scheduler worker"),
        ("graph:*", "client scheduler worker"),
        ("schema", "scheduler worker"),
        ("runs", "client scheduler worker"),
    ],
)
def test_a_key_is_written_by_the_required_roles(key: str, writers: str) -> None:
    pattern = f"{{flowkit}}:{key}"
    assert {role.name for role in ROLES if pattern in role.writes} == set(writers.split())


def test_deleting_a_namespace_uses_the_permitted_commands() -> None:
    text = (PROTOCOL / "namespace.py").read_text()
    assert {word.lower() for word in re.findall(r'call\("([A-Z]+)"', text)} == DROPS_A_NAMESPACE


def test_every_store_belongs_to_a_role() -> None:
    stores = {path.stem for path in PROTOCOL.glob("*store.py")}
    assert stores == {
        module for modules in MODULES.values() for module in modules if "store" in module
    }
