"""Settings: where each comes from, what is allowed, and what the errors say."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from flowkit.exceptions import BadRedisURL, SettingsError
from flowkit.settings import Settings, check_redis_url, load_settings, redact_url


def project(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return path


def failure(cwd: Path, environ: dict[str, str] | None = None, **flags: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(cwd=cwd, environ=environ or {}, **flags)
    return str(caught.value)


# ---- where a value comes from


def test_with_nothing_set_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings(cwd=tmp_path, environ={})
    assert settings == Settings(
        redis_url=None,
        namespace="flowkit",
        result_ttl=604_800,
        max_result_bytes=67_108_864,
        log_level="INFO",
        log_json=False,
        lease_seconds=10.0,
        function_timeout=0.0,
        allow_eviction=False,
        redis_patched=False,
        capture_output=True,
        app_version=None,
    )
    assert settings.source("redis_url") == "default"


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    path = project(
        tmp_path,
        '[tool.flowkit]\nredis-url = "redis://file"\nnamespace = "file"\nlease-seconds = 3',
    )
    environ = {"FLOWKIT_REDIS_URL": "redis://environment", "FLOWKIT_NAMESPACE": "environment"}
    settings = load_settings(cwd=tmp_path, environ=environ, redis_url="redis://flag")
    assert settings.redis_url == "redis://flag"
    assert settings.source("redis_url") == "flag --redis"
    assert settings.namespace == "environment"
    assert settings.source("namespace") == "environment FLOWKIT_NAMESPACE"
    assert settings.lease_seconds == 3.0
    assert settings.source("lease_seconds") == f"pyproject.toml ({path})"
    assert settings.source("log_level") == "default"


EVERY = {
    "redis_url": ("FLOWKIT_REDIS_URL", "--redis", "redis://host:6379/1", "redis://host:6379/1"),
    "namespace": ("FLOWKIT_NAMESPACE", "--namespace", "team-a", "team-a"),
    "result_ttl": ("FLOWKIT_RESULT_TTL", "--result-ttl", "12h", 43_200),
    "max_result_bytes": ("FLOWKIT_MAX_RESULT_BYTES", "--max-result-bytes", "1MB", 1_000_000),
    "log_level": ("FLOWKIT_LOG_LEVEL", "--log-level", "debug", "DEBUG"),
    "log_json": ("FLOWKIT_LOG_JSON", "--log-json", "true", True),
    "lease_seconds": ("FLOWKIT_LEASE", "--lease", "2m", 120.0),
    "function_timeout": ("FLOWKIT_FUNCTION_TIMEOUT", "--function-timeout", "5m", 300.0),
    "allow_eviction": ("FLOWKIT_ALLOW_EVICTION", "--allow-eviction", "yes", True),
    "redis_patched": ("FLOWKIT_REDIS_PATCHED", "--redis-patched", "1", True),
    "capture_output": ("FLOWKIT_CAPTURE_OUTPUT", "--capture-output", "no", False),
    "task_logs": ("FLOWKIT_TASK_LOGS", "--task-logs", "off", False),
    "task_log_bytes": ("FLOWKIT_TASK_LOG_BYTES", "--task-log-bytes", "2MiB", 2_097_152),
    "run_log_bytes": ("FLOWKIT_RUN_LOG_BYTES", "--run-log-bytes", "1GB", 1_000_000_000),
    "log_redact": ("FLOWKIT_LOG_REDACT", "--log-redact", "pass=[^ ]+", ("pass=[^ ]+",)),
    "app_version": ("FLOWKIT_APP_VERSION", "--version", "2026.11+a1b2", "2026.11+a1b2"),
}


def test_the_table_of_these_tests_is_complete() -> None:
    assert {*EVERY, "sources", "signing_key"} == {f.name for f in dataclasses.fields(Settings)}


@pytest.mark.parametrize("name", EVERY)
def test_every_setting_is_read_from_all_three_places(name: str, tmp_path: Path) -> None:
    variable, flag, raw, value = EVERY[name]
    path = project(tmp_path, f'[tool.flowkit]\n{name.replace("_", "-")} = "{raw}"')
    empty = tmp_path / "empty"
    empty.mkdir()
    project(empty, "")
    result = {
        f"pyproject.toml ({path})": load_settings(cwd=tmp_path, environ={}),
        f"environment {variable}": load_settings(cwd=empty, environ={variable: raw}),
        f"flag {flag}": load_settings(cwd=empty, environ={}, **{name: raw}),
    }
    for source, settings in result.items():
        assert (getattr(settings, name), settings.source(name)) == (value, source)


def test_a_flag_of_none_was_not_given_and_one_of_false_was(tmp_path: Path) -> None:
    environ = {"FLOWKIT_LOG_JSON": "1", "FLOWKIT_NAMESPACE": "team"}
    settings = load_settings(cwd=tmp_path, environ=environ, log_json=False, namespace=None)
    assert (settings.log_json, settings.namespace) == (False, "team")
    assert settings.source("log_json") == "flag --log-json"


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    settings = load_settings(
        cwd=tmp_path, environ={"FLOWKIT_REDIS_URL": "", "FLOWKIT_NAMESPACE": " "}
    )
    assert (settings.redis_url, settings.namespace) == (None, "flowkit")
    assert settings.source("redis_url") == "default"


def test_the_process_own_environment_and_folder_are_read_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path, "[tool.flowkit]\nlog_json = true")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWKIT_NAMESPACE", "from-environment")
    settings = load_settings()
    assert (settings.namespace, settings.log_json) == ("from-environment", True)


def test_unknown_variables_are_no_errors(tmp_path: Path) -> None:
    settings = load_settings(cwd=tmp_path, environ={"FLOWKIT_SOMETHING_ELSE": "1"})
    assert settings.sources == {}


# ---- the file


def test_the_nearest_file_upwards_counts_and_only_that_one(tmp_path: Path) -> None:
    project(tmp_path, '[tool.flowkit]\nnamespace = "outer"\nlog-level = "error"')
    inner = tmp_path / "inner"
    deep = inner / "a" / "b"
    deep.mkdir(parents=True)
    assert load_settings(cwd=deep, environ={}).namespace == "outer"
    path = project(inner, '[tool.flowkit]\nnamespace = "inner"')
    settings = load_settings(cwd=deep, environ={})
    assert (settings.namespace, settings.log_level) == ("inner", "INFO")
    assert settings.source("namespace") == f"pyproject.toml ({path})"


def test_a_file_without_our_table_sets_nothing(tmp_path: Path) -> None:
    project(tmp_path, '[project]\nname = "other"\n[tool.black]\nline-length = 88')
    assert load_settings(cwd=tmp_path, environ={}) == Settings()


def test_keys_may_be_written_with_underscores_but_not_in_both_ways(tmp_path: Path) -> None:
    path = project(tmp_path, "[tool.flowkit]\nresult_ttl = 60")
    assert load_settings(cwd=tmp_path, environ={}).result_ttl == 60
    project(tmp_path, "[tool.flowkit]\nresult_ttl = 60\nresult-ttl = 61")
    assert failure(tmp_path) == (
        f"{path}: [tool.flowkit] has result_ttl twice, with - and with _; remove one of them."
    )


def test_an_unknown_key_names_file_key_and_the_nearest_known_one(tmp_path: Path) -> None:
    path = project(tmp_path, '[tool.flowkit]\nredis-ulr = "redis://host"')
    text = failure(tmp_path)
    wanted = f"[tool.flowkit] of {path}: unknown key 'redis-ulr'. Did you mean 'redis-url'? "
    assert text.startswith(f"{wanted}Available: 'redis-url', 'namespace', ")


def test_an_unknown_key_near_to_nothing_gets_the_whole_list(tmp_path: Path) -> None:
    project(tmp_path, "[tool.flowkit]\nzzz = 1")
    message = failure(tmp_path)
    assert message.endswith(
        "unknown key 'zzz'. Available: 'redis-url', 'namespace', 'result-ttl', "
        "'max-result-bytes', 'log-level', 'log-json', 'lease-seconds', "
        "'function-timeout', 'allow-eviction', 'redis-patched', 'capture-output', "
        "'task-logs', 'task-log-bytes', 'run-log-bytes', 'log-redact', 'app-version'."
    )


def test_broken_toml_is_reported_in_the_parser_s_words(tmp_path: Path) -> None:
    path = project(tmp_path, "[tool.flowkit\n")
    message = failure(tmp_path)
    assert message.startswith(f"{path} is not valid TOML: Expected ']'")
    assert "line 1" in message


def test_a_file_that_is_not_utf_8_is_not_toml(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"name = '\xff'")
    assert "is not valid TOML: 'utf-8' codec can't decode" in failure(tmp_path)


def test_a_file_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project(tmp_path, "")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert failure(tmp_path) == f"{path} cannot be read: Permission denied."


def test_our_table_must_be_a_table(tmp_path: Path) -> None:
    path = project(tmp_path, "[tool]\nflowkit = 1")
    assert failure(tmp_path) == f"{path}: tool.flowkit must be a table: write [tool.flowkit]."


def test_a_deleted_working_folder_has_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path, "[tool.flowkit]\nresult-ttl = 60")
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    os.rmdir(folder)
    assert load_settings(environ={}) == Settings()


# ---- values

GOOD: list[tuple[str, Any, Any]] = [
    ("result_ttl", "7d", 604_800),
    ("result_ttl", "12h", 43_200),
    ("result_ttl", "30m", 1_800),
    ("result_ttl", "90s", 90),
    ("result_ttl", "90", 90),
    ("result_ttl", 90, 90),
    ("result_ttl", "1.5H", 5_400),
    ("result_ttl", "3650d", 315_360_000),
    ("max_result_bytes", "64MB", 64_000_000),
    ("max_result_bytes", "64MiB", 67_108_864),
    ("max_result_bytes", "64 mib", 67_108_864),
    ("max_result_bytes", "0.5GB", 500_000_000),
    ("max_result_bytes", "10KB", 10_000),
    ("max_result_bytes", "10KiB", 10_240),
    ("max_result_bytes", "1B", 1),
    ("max_result_bytes", 1024, 1024),
    ("max_result_bytes", "512MiB", 536_870_912),
    ("lease_seconds", "0.5", 0.5),
    ("lease_seconds", 2, 2.0),
    ("log_level", " warning ", "WARNING"),
    ("log_json", "ON", True),
    ("log_json", "0", False),
    ("log_json", True, True),
    ("namespace", "A-z_0.9", "A-z_0.9"),
    ("namespace", "n" * 64, "n" * 64),
    ("redis_url", " redis://host ", "redis://host"),
]


@pytest.mark.parametrize(("name", "raw", "value"), GOOD)
def test_values_are_read_in_the_forms_that_people_write(
    name: str, raw: Any, value: Any, tmp_path: Path
) -> None:
    result = getattr(load_settings(cwd=tmp_path, environ={}, **{name: raw}), name)
    assert (result, type(result)) == (value, type(value))


TTL = "give seconds, or '90s', '30m', '12h', '7d'; from 1s to 3650d"
SIZE = "give bytes, or '500KB', '64MB', '64MiB'; from 1 to 512MiB"
LEASE = "give seconds, or '10s', '2m'; from 0.1s to 1d"
NAMESPACE = "give 1 to 64 of the characters A-Z a-z 0-9 _ . -"
LEVEL = "use one of DEBUG, INFO, SUCCESS, SYSTEM, WARNING, ERROR"
BOOLEAN = "use true or false (also yes/no, on/off, 1/0)"
FLAGS = ("log_json", "allow_eviction", "capture_output")
APP_VERSION = "give 1 to 64 of the characters A-Z a-z 0-9 . _ + -, a letter or digit first"
BAD: list[tuple[str, Any, str]] = [
    *(("result_ttl", raw, TTL) for raw in ("7w", "soon", "-1", "1h30m", "0", 0, -1, "3651d")),
    *(("result_ttl", raw, TTL) for raw in (True, [7], float("nan"), float("inf"), 10**400, "0.5s")),
    *(("max_result_bytes", raw, SIZE) for raw in ("64XB", "MB", "0", "513MiB", "1GB", 1.0e12)),
    *(("lease_seconds", raw, LEASE) for raw in ("0.05", "2d", -(10**400), "ten")),
    *(("namespace", raw, NAMESPACE) for raw in ("a b", "{a}", "a:b", "n" * 65, "a\n", "ü", 5)),
    *(("log_level", raw, LEVEL) for raw in ("loud", 20)),
    *((name, raw, BOOLEAN) for name in FLAGS for raw in ("maybe", 2)),
    *(("app_version", raw, APP_VERSION) for raw in ("a b", "a,b", "a=b", "-1", "v" * 65, "ü", 5)),
]


@pytest.mark.parametrize(("name", "raw", "allowed"), BAD)
def test_a_bad_value_is_reported_with_its_source_and_what_is_allowed(
    name: str, raw: Any, allowed: str, tmp_path: Path
) -> None:
    flag = EVERY[name][1]
    assert failure(tmp_path, **{name: raw}) == (
        f"{name} = {raw!r} (flag {flag}) is not allowed: {allowed}"
    )


def test_the_source_of_a_bad_value_may_be_the_environment_or_the_file(tmp_path: Path) -> None:
    assert "(environment FLOWKIT_LEASE)" in failure(tmp_path, {"FLOWKIT_LEASE": "x"})
    path = project(tmp_path, "[tool.flowkit]\nlease-seconds = false")
    assert f"lease_seconds = False (pyproject.toml ({path}))" in failure(tmp_path)


def test_a_bad_redis_url_is_reported_without_its_password(tmp_path: Path) -> None:
    message = failure(tmp_path, {"FLOWKIT_REDIS_URL": "http://user:secret@host"})
    assert message.startswith(
        "redis_url = 'http://user:***@host' (environment FLOWKIT_REDIS_URL) is not allowed: "
        "it does not begin with redis://, rediss://, unix:// or redis+sentinel://; write it "
        "like redis://"
    )
    assert "it is not a string" in failure(tmp_path, redis_url=6379)


def test_a_name_that_is_no_setting_is_refused(tmp_path: Path) -> None:
    text = failure(tmp_path, name_space="x")
    assert text.startswith("unknown setting 'name_space'. Did you mean 'namespace'? Available: ")
    with pytest.raises(SettingsError, match="Did you mean 'redis_url'"):
        Settings().source("redis")


def test_settings_made_in_code_are_checked_in_the_same_way() -> None:
    settings = Settings(namespace="team", lease_seconds=2)
    assert settings.source("namespace") == "Settings(...)"
    assert settings.source("log_json") == "default"
    with pytest.raises(SettingsError, match=r"namespace = 'a b' \(Settings\(\.\.\.\)\)"):
        Settings(namespace="a b")


def test_settings_are_frozen_and_do_not_show_the_password() -> None:
    settings = Settings(redis_url="redis://:secret@host")
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.namespace = "other"  # type: ignore[misc]
    assert "secret" not in repr(settings)
    assert "redis_url='redis://:***@host', namespace='flowkit'" in repr(settings)


# ---- the address of a Redis


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("rediss://user:secret@host", "rediss://user:***@host"),
        ("redis://secret@host", "redis://***@host"),
        ("redis://user:se@cr/et?x#y@host/0", "redis://user:***@host/0"),
        ("user:secret@host", "user:***@host"),
        ("redis://host?password=secret&db=1", "redis://host?password=***&db=1"),
        ("redis://host?db=1&ssl_password=secret", "redis://host?db=1&ssl_password=***"),
        ("unix://user:secret@/run/redis.sock", "unix://user:***@/run/redis.sock"),
        ("redis+sentinel://:secret@h1,h2/m/0", "redis+sentinel://:***@h1,h2/m/0"),
        (
            "redis+sentinel://h1/m?sentinel_username=u&sentinel_password=secret&db=1",
            "redis+sentinel://h1/m?sentinel_username=u&sentinel_password=***&db=1",
        ),
        ("redis://[::1", "redis://[::1"),
        ("redis://u:secret\n@host", "redis://u:***@host"),
        ("redis://u:secret@a#x redis://:secret@b", "redis://u:***@a#x redis://:***@b"),
        ("redis://u:secret@a redis://u:sec ret@b", "redis://u:***@b"),
        ("", ""),
        ("@", "@"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_redacting_never_raises() -> None:
    assert redact_url(None) == "None"  # type: ignore[arg-type]
    assert redact_url("\ud800:x@y") == "\ud800:***@y"


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6379",
        "redis://localhost:6379/0",
        "redis://localhost/15/",
        "redis://localhost/?db=3",
        "rediss://user:p%40ss@host:6380/2?ssl_cert_reqs=none",
        "redis://user:pw@host/0?client_name=a@b",
        "redis://[::1]:6379/0",
        "redis://localhost?protocol=2&socket_connect_timeout=0.5&socket_keepalive=no",
        "redis+sentinel://host:26379,host2/mymaster/0",
        "rediss+sentinel://user:p%40ss@[::1]:1,host2:2/my.master?sentinel_password=x",
        "unix:///run/redis.sock",
        "unix://user:pw@/run/redis.sock?db=2",
    ],
)
def test_the_address_of_a_redis_passes(url: str) -> None:
    assert check_redis_url(url) == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://host", "does not begin with redis://, rediss://, unix:// or redis+sentinel://"),
        ("redis+sentinel://h1", "does not name the master, as /mymaster or /mymaster/0"),
        ("redis+sentinel://h1/m/0/x", "does not name the master"),
        ("redis+sentinel://:pw@/m", "are not written as host:port"),
        ("redis+sentinel://h1,,h2/m", "are not written as host:port"),
        ("redis+sentinel://h1:70000/m", "are not written as host:port"),
        ("redis+sentinel://u:a/b@h1/m", "write @ : / ? # as %40 %3A %2F %3F %23"),
        ("redis+sentinel://u:a#b@h1/m", "write @ : / ? # as %40 %3A %2F %3F %23"),
        ("localhost:6379", "does not begin with redis://"),
        ("redis:localhost", "does not begin with redis://"),
        ("REDIS://host", "does not begin with redis://"),
        ("", "does not begin with redis://"),
        ("redis://ho st", "has a space or a control character in it"),
        ("redis://host\n", "has a space or a control character in it"),
        ("redis://[::1", "its host is not valid"),
        ("redis://host:port", "its port is not a number up to 65535"),
        ("redis://host:65536", "its port is not a number up to 65535"),
        ("redis://:secret/x@host", "write @ : / ? # as %40 %3A %2F %3F %23"),
        ("redis://u:12#secret@host", "it has a # or ? in a place where that ends the host"),
        ("redis://u:12?secret@host", "it has a # or ? in a place where that ends the host"),
        ("redis://u:12/secret@host", "what follows the host is not the number of a database"),
        ("redis://host/cache", "what follows the host is not the number of a database"),
        ("unix://", "the path of the socket is missing"),
        ("unix:///", "the path of the socket is missing"),
        ("redis://h?protocol=3", "an option 'protocol' that flowkit does not accept (it accepts"),
        ("redis://h?decode_responses=True", "an option 'decode_responses' that flowkit does not"),
        ("redis://h?db=1&encoding=utf-16", "an option 'encoding' that flowkit does not accept"),
        ("redis://h?socket_timeout=0.1", "an option 'socket_timeout' that flowkit does not accept"),
        ("redis://h?health_check_interval=1", "an option 'health_check_interval' that flowkit"),
        ("unix:///s?retry=3", "an option 'retry' that flowkit does not accept"),
        ("redis+sentinel://h/m?protocol=3", "an option 'protocol' that flowkit does not accept"),
        ("redis://h?%70rotocol=3", "an option 'protocol' that flowkit does not accept"),
        ("redis://h?a%0Ab=3", "an option '…' that flowkit does not accept"),
        ("redis://h?socket_connect_timeout=0", "its socket_connect_timeout is not a number of sec"),
        ("redis://h?socket_connect_timeout=nan", "its socket_connect_timeout is not a number of s"),
    ],
)
def test_other_urls_are_refused_with_a_reason_and_an_example(url: str, problem: str) -> None:
    with pytest.raises(BadRedisURL) as caught:
        check_redis_url(url)
    message = str(caught.value)
    assert message.startswith(f"{redact_url(url)!r} is not the address of a Redis: ")
    assert problem in message
    assert "write it like redis://localhost:6379/0" in message
    assert "secret" not in message
