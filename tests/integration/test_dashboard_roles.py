"""The page reads as one Redis user and acts as another, each with the rights of its role alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import acl
import pytest
from real_redis import RealRedis, executables
from starlette.testclient import TestClient
from whole_run import WholeRun

from flowkit import DAG, Client, Task
from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.app import ENDPOINTS, STREAMS, build_app
from flowkit.dashboard.endpoint import ROOT, Asked, Parameter
from flowkit.settings import Settings

BASE, NAMESPACE = "http://127.0.0.1:8420", "shop"
PARTS = {"{run}": "r1", "{task:path}": "load", "{name:path}": "etl"}


def extract() -> list[int]:
    print("extracted")
    return [1, 2]


def load(row: int) -> int:
    return 1 // (row - 1)


GIVEN = {"task": "load", "dag": "etl", "run": "r1"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealRedis]:
    """A Redis with the users of docs/howto/secure-redis.md, and a run that has failed."""
    result = RealRedis(tmp_path / "redis", executable=next(iter(executables().values())))
    result.start()
    with DAG("etl") as dag:
        Task(extract) >> Task(load).map()
    with result.client() as admin:
        is_new = int(admin.info("server")["redis_version"].split(".")[0]) >= 7
        for role, rules in acl.users("acl" if is_new else "acl_old").items():
            words = [word.replace("{flowkit}", f"{{{NAMESPACE}}}") for word in rules]
            words = [">secret" if word[0] == ">" else word for word in words]
            admin.execute_command("ACL", "SETUSER", f"flowkit-{role}", *words)
    run = WholeRun(result.url, NAMESPACE, dag)
    assert run.finish() == "failed"
    run.close()
    yield result
    result.stop()


def client_of(server: RealRedis, role: str) -> Client:
    url = f"redis://flowkit-{role}:secret@127.0.0.1:{server.port}/0"
    return Client(Settings(redis_url=url, namespace=NAMESPACE))


def path_of(path: str) -> str:
    return re.sub(r"\{[^}]*\}", lambda part: PARTS[part[0]], path)


def values_of(parameters: Iterable[Parameter]) -> dict[str, object]:
    """Return a value for each: the default, or something that exists if there must be one."""
    return {each.name: GIVEN[each.name] if each.required else each.default for each in parameters}


def test_a_viewer_reads_every_view_and_another_user_acts(server: RealRedis) -> None:
    access = TokenAccess("flowkit-8420")
    with (
        client_of(server, "viewer") as reader,
        client_of(server, "client") as actor,
        TestClient(build_app(reader, actor, access), base_url=BASE) as browser,
    ):
        browser.headers["authorization"] = f"Bearer {access.token}"
        for endpoint in ENDPOINTS:
            if endpoint.method == "GET":
                required = [each for each in endpoint.parameters if each.required]
                answer = browser.get(ROOT + path_of(endpoint.path), params=values_of(required))
                assert answer.status_code == 200, (endpoint.path, answer.text)
        for stream in STREAMS:
            query = values_of(stream.parameters)
            parts = {name.strip("{}").partition(":")[0]: PARTS[name] for name in PARTS}
            source = stream.source(Asked(reader, parts, query))
            assert json.dumps(source.whole(source.read(None))), stream.path
        again = browser.post(ROOT + "/runs/r1/resume")
        assert again.status_code == 200, again.text
        assert browser.get(ROOT + "/runs").json()["items"][0]["state"] == "running"


def test_a_missing_right_is_said_with_its_remedy(server: RealRedis) -> None:
    access = TokenAccess("flowkit-8420")
    with (
        client_of(server, "viewer") as reader,
        TestClient(build_app(reader, reader, access), base_url=BASE) as browser,
    ):
        browser.headers["authorization"] = f"Bearer {access.token}"
        for path in ("/runs/r1/resume", "/runs/r1/retry", "/dead/retry"):
            body = {"runs": {"r1": []}} if path == "/dead/retry" else {}
            refused = browser.post(ROOT + path, json=body)
            assert (refused.status_code, refused.json()["type"]) == (403, "NotPermitted")
            message = refused.json()["message"]
            assert "'flowkit-viewer' is the user of the role 'viewer'" in message
            assert "FLOWKIT_ACT_REDIS_URL" in message
            assert "secret" not in message
        assert browser.get(ROOT + "/runs").json()["items"][0]["state"] == "failed"
