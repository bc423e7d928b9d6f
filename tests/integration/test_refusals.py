"""What cannot work is refused at once, by whoever is asked first, with a sentence."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import fault_app as app
import pytest
from real_redis import RealRedis
from real_system import APP, System

from flowkit import DAG, Client, task
from flowkit.exceptions import (
    NotImportableError,
    RunExists,
    RunNotFound,
    SettingsError,
    StoreError,
    UnfitRedis,
)

DAEMONS = {
    "scheduler": ["-m", "flowkit.scheduler"],
    "worker": ["-m", "flowkit.worker", "--app", APP],
}


def say_dag(text: str) -> DAG:
    dag = DAG("say")
    dag.add(app.say.bind("say", text=text))
    return dag


# -- runs -------------------------------------------------------------------------------------


def test_an_unknown_run_is_not_found(shared_system: System) -> None:
    with (
        shared_system.client() as client,
        pytest.raises(RunNotFound, match="no run 'nobody-knows'"),
    ):
        client.run("nobody-knows")


def test_submitting_a_run_twice_is_submitting_it_once(shared_system: System) -> None:
    with shared_system.client() as client:
        first = client.submit(say_dag("hi"), run_id="once")
        assert first.wait_results(20) == {"say": "hi"}
        again = client.submit(say_dag("hi"), run_id="once")
        assert again.wait_results(20) == {"say": "hi"}
        with pytest.raises(RunExists, match=r"'once' already exists.*another run_id"):
            client.submit(say_dag("something else"), run_id="once")
    assert (
        len([execution for execution in shared_system.executions("say") if execution.run == "once"])
        == 1
    )


def test_calls_with_wrong_types_get_a_clear_error(shared_system: System) -> None:
    """They once ended in whatever error the line of flowkit's that was reached gave."""
    with shared_system.client() as client:
        with pytest.raises(TypeError, match="params must be a mapping from names to values"):
            client.submit_many(say_dag("hi"), [5])  # type: ignore[list-item]
        with pytest.raises(TypeError, match="dag must be a DAG, not 5"):
            client.submit_many(5, [])  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="dag must be a DAG, not 5"):
            client.submit(5)  # type: ignore[arg-type]
        handle = client.submit(say_dag("hi"))
        with pytest.raises(TypeError, match="name of a task must be a string, not 3"):
            handle.result(3)  # type: ignore[arg-type]


def test_a_task_that_no_worker_could_find_is_refused_when_submitted(shared_system: System) -> None:
    @task
    def nested() -> None: ...

    dag = DAG("nested")
    dag.add(nested)
    with (
        shared_system.client() as client,
        pytest.raises(NotImportableError, match="inside a function"),
    ):
        client.submit(dag)


def test_a_standalone_script_is_told_how_to_submit(shared_system: System) -> None:
    script = shared_system.folder / "script.py"
    script.write_text(
        "from flowkit import DAG, task\n"
        "@task\ndef mine(): return 1\n"
        "dag = DAG('mine')\ndag.add(mine)\ndag.run(executor='redis')\n"
    )
    program = shared_system.run_program("script", [str(script)])
    assert program.exit_code() == 1
    assert "NotImportableError" in program.log
    assert "flowkit submit FILE" in program.log


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("raise KeyboardInterrupt", "cannot be loaded: it raises KeyboardInterrupt."),
        ("x = 1", "has no tasks. Give the file or module that defines or imports them"),
    ],
)
def test_an_app_that_cannot_serve_ends_the_worker(system: System, source: str, says: str) -> None:
    """It began again and again, with a traceback each time, or served nothing silently."""
    app = system.folder / "strange_app.py"
    app.write_text(source + "\n")
    program = system.run_program("worker", ["-m", "flowkit.worker", "--app", str(app)])
    assert program.exit_code() == 2
    assert says in program.log
    assert "Traceback" not in program.log


def test_a_queue_that_no_task_can_name_is_refused(system: System) -> None:
    words = ["-m", "flowkit.worker", "--app", "fault_app", "--queues", "gpu,a b"]
    program = system.run_program("worker", words)
    assert program.exit_code() == 2
    assert "--queues has 'a b', which is not a valid queue name" in program.log


# -- Redis that must not be used ----------------------------------------------------------------


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "redis://localhost:port/0"])
def test_a_url_that_is_not_a_redis_url_is_refused(url: str) -> None:
    with pytest.raises((SettingsError, StoreError), match="redis://"):
        Client.connect(url)


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_refuses_such_a_url_too(system: System, daemon: str) -> None:
    program = system.run_program(daemon, DAEMONS[daemon], FLOWKIT_REDIS_URL="http://localhost")
    assert program.exit_code() == 2
    assert "redis://" in program.log
    assert "Traceback" not in program.log


@pytest.fixture
def evicting(own_redis: RealRedis) -> RealRedis:
    with own_redis.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    return own_redis


def test_a_redis_that_evicts_keys_is_refused_by_all(
    frail_system: System, evicting: RealRedis
) -> None:
    sentence = "maxmemory-policy 'allkeys-lru'"
    with pytest.raises(UnfitRedis, match=sentence):
        frail_system.client()
    for name, words in DAEMONS.items():
        program = frail_system.run_program(name, words)
        assert program.exit_code() == 3
        assert sentence in program.log
        assert "--allow-eviction" in program.log
        assert "Traceback" not in program.log


def test_a_redis_that_evicts_keys_is_used_with_the_option(
    frail_system: System, evicting: RealRedis
) -> None:
    for name, words in DAEMONS.items():
        frail_system.run_program(name, [*words, "--allow-eviction"])
    with frail_system.client(allow_eviction=True) as client:
        assert client.submit(say_dag("hi")).wait_results(20) == {"say": "hi"}


def test_a_namespace_of_a_newer_release_is_refused_by_all(
    system: System, redis_server: RealRedis
) -> None:
    with redis_server.client() as server:
        server.set(f"{{{system.namespace}}}:schema", "7")
    sentence = f"{system.namespace}' of Redis at redis://127.0.0.1:{redis_server.port}/0 has format"
    with pytest.raises(UnfitRedis, match=f"{sentence} 7.*up to 1.*Upgrade flowkit here"):
        system.client()
    for name, words in DAEMONS.items():
        program = system.run_program(name, words)
        assert program.exit_code() == 3
        assert f"{sentence} 7" in program.log
        assert "Traceback" not in program.log


class _Ancient(socketserver.StreamRequestHandler):
    """Answers every command as a Redis 6.0 does that is asked for INFO."""

    def handle(self) -> None:
        info = b"# Server\r\nredis_version:6.0.16\r\nredis_mode:standalone\r\n"
        while line := self.rfile.readline():
            for _ in range(int(line[1:])):
                size = int(self.rfile.readline()[1:])
                word = self.rfile.read(size + 2)[:-2].upper()
                is_info = word == b"INFO"
            reply = b"$%d\r\n%s\r\n" % (len(info), info) if is_info else b"+OK\r\n"
            self.wfile.write(reply)


@pytest.fixture
def ancient_url() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Ancient) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()
        thread.join()


def test_a_redis_that_is_too_old_is_refused_by_all(system: System, ancient_url: str) -> None:
    sentence = "version 6.0.16; flowkit needs 6.2 or newer"
    with pytest.raises(UnfitRedis, match=sentence):
        Client.connect(ancient_url)
    for name, words in DAEMONS.items():
        program = system.run_program(name, words, FLOWKIT_REDIS_URL=ancient_url)
        assert program.exit_code() == 3
        assert sentence in program.log
        assert "Traceback" not in program.log


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_wrong_password_is_reported_without_showing_it(
    frail_system: System, own_redis: RealRedis, daemon: str
) -> None:
    with own_redis.client() as client:
        client.config_set("requirepass", "correct-horse")
    url = own_redis.url.replace("redis://", "redis://:battery-staple@")
    program = frail_system.run_program(daemon, DAEMONS[daemon], FLOWKIT_REDIS_URL=url)
    program.says("refused the login")
    assert "battery-staple" not in program.log
    assert "correct-horse" not in program.log


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_without_a_redis_url_says_what_to_give(system: System, daemon: str) -> None:
    program = system.run_program(daemon, DAEMONS[daemon], FLOWKIT_REDIS_URL="")
    assert program.exit_code() == 2
    assert "FLOWKIT_REDIS_URL" in program.log


@pytest.mark.parametrize("daemon", DAEMONS)
def test_an_unknown_url_option_is_reported(system: System, daemon: str) -> None:
    url = "rediss://localhost/0?ssl_ca_cert=x"
    program = system.run_program(daemon, DAEMONS[daemon], FLOWKIT_REDIS_URL=url)
    assert program.exit_code() == 2
    assert "did you mean 'ssl_ca_certs'" in program.log
    assert "Traceback" not in program.log


def test_bad_options_are_refused_with_the_option_s_name(system: System) -> None:
    worker = system.worker("--processes", "0")
    assert worker.exit_code() == 2
    assert "--processes must be at least 1, not 0" in worker.log
    worker = system.worker("--concurrency", "99999999")
    assert worker.exit_code() == 2
    assert "--concurrency must be at most 100,000, not 99,999,999" in worker.log
