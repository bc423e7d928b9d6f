"""A system whose users in Redis have the access rules of the release before."""

from __future__ import annotations

from pathlib import Path

import acl
import calling_app
import pytest
from real_redis import RealRedis
from real_system import System
from test_redis_users import is_new, server, url_of

__all__ = ["server"]  # a fixture


@pytest.mark.slow
def test_with_older_rules_only_tasks_that_call_runs_fail(server: RealRedis, tmp_path: Path) -> None:
    """As the changelog says of a system whose access rules are those of the release before."""
    part = "acl" if is_new(server.executable) else "acl_old"
    newer = {"parents", "graphs", "runs", "active"}
    with server.client() as admin:
        for role in ("scheduler", "worker"):
            keys = [word.replace("{flowkit}", "{shop}") for word in acl.users(part)[role]]
            keys = [word for word in keys if "~" in word and not word.endswith(":parents")]
            if role == "worker":
                keys = [word for word in keys if word.rpartition(":")[2] not in newer]
                reads = "%R~" if is_new(server.executable) else "~"
                keys = [word.replace("~{shop}:graph:", reads + "{shop}:graph:") for word in keys]
            gone = ("-persist", "-sscan", *(["-pttl"] if role == "scheduler" else []))
            admin.execute_command("ACL", "SETUSER", f"flowkit-{role}", "resetkeys", *keys, *gone)
        admin.execute_command("ACL", "SETUSER", "flowkit-client", "-hscan")
    system = System(url_of(server, "client"), "shop", tmp_path)
    try:
        system.scheduler(FLOWKIT_REDIS_URL=url_of(server, "scheduler"), FLOWKIT_SWEEP="0.2")
        worker = url_of(server, "worker")
        system.worker(app=str(Path(calling_app.__file__)), FLOWKIT_REDIS_URL=worker)
        with system.client() as client:
            calls = client.submit(calling_app.outer("calls_one"))
            assert calls.wait(30) == "failed"
            assert "does not allow" in str(calls.error())
            plain = client.submit(calling_app.inner, params={"number": 2})
            assert plain.wait_results(30) == {"leaf": 20, "double": 40}
            assert client.runs()
            assert plain.status().state == "succeeded"
            calls.resume()
            assert calls.wait(30) == "failed"
            assert plain.delete()
    finally:
        system.close()
