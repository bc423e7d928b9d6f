"""The settings, read and checked once.

Each setting comes from the first source that has it: a flag of the command, the environment,
``[tool.flowkit]`` in the user's nearest ``pyproject.toml`` (``project_file``), or the default. In a
task on a worker, the settings of the worker stand in for the last three (``own_system``).
``Settings.source`` returns the source, and every error names it.

Rules:
- A value is checked when it is read, whatever its source, and not again later.
- An empty environment variable counts as not set: compose files pass those on. The variable of the
  signing key is an exception, since ignoring it would turn signing off.
- An unknown key in the file is an error, since it is probably a typo. An unknown ``FLOWKIT_``
  variable is not an error, since it may belong to another program.
- A password never appears in a message or a ``repr``.

Nothing here talks to Redis or starts anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .basics.environment import variables
from .basics.suggestions import unknown_name
from .configuration.own_system import OwnSystem, adopt_system, own_system
from .configuration.quantities import DAY_S
from .configuration.redis_url import EXAMPLES, check_redis_url, redact_url
from .configuration.setting_values import (
    MAX_VALUE_BYTES,
    parse_bool,
    parse_function_timeout,
    parse_lease,
    parse_level,
    parse_log_bytes,
    parse_max_bytes,
    parse_namespace,
    parse_patterns,
    parse_result_ttl,
)
from .configuration.shards import Shard, list_problem, shards_of
from .configuration.signing_keys import parse_signing_key, read_signing_key
from .core.app_version import parse_app_version
from .exceptions import SettingsError
from .project_file import project_table

__all__ = ["MAX_VALUE_BYTES", "Settings", "check_redis_url", "load_settings", "redact_url"]

_FILE = "pyproject.toml ("  # begins the source of a setting from a file


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """All settings. Raises SettingsError, naming the source, for a value that is not allowed.

    ``redis_url``: None for the embedded store; several URLs, separated by spaces, are shards.
    ``namespace``: the prefix of all keys in Redis. ``result_ttl``: seconds to keep an ended run.
    ``max_result_bytes``: the limit of one packed result. ``log_level``: a name of ``LogLevel``.
    ``log_json``: write JSON lines instead of text. ``lease_seconds``: a worker that is silent for
    this long counts as dead. ``function_timeout``: how long a task waits for a live worker that has
    its function, 0 for no limit. ``allow_eviction``: also start on a Redis whose
    ``maxmemory-policy`` may delete keys. ``redis_patched``: this Redis has fixes that its version
    number does not show, so daemons do not warn about it. ``capture_output``: workers turn what
    tasks print and log into log lines. ``app_version``: the version of the app's code; None to
    compute a digest of it. ``task_logs``: keep what tasks print and log in Redis, for ``flowkit
    logs``. ``task_log_bytes``, ``run_log_bytes``: how much of an attempt, and of a run.
    ``log_redact``: regular expressions; what matches in a line of a task becomes ``***``.
    ``signing_key``: signs results, cache entries and parameters; see signing.py.
    ``sources``: the source of each setting.
    """

    redis_url: str | None = None
    namespace: str = "flowkit"
    result_ttl: int = 7 * DAY_S
    max_result_bytes: int = 64 * 2**20
    log_level: str = "INFO"
    log_json: bool = False
    lease_seconds: float = 10.0
    function_timeout: float = 0.0
    allow_eviction: bool = False
    redis_patched: bool = False
    capture_output: bool = True
    task_logs: bool = True
    task_log_bytes: int = 2**20
    run_log_bytes: int = 64 * 2**20
    log_redact: tuple[str, ...] = ()
    app_version: str | None = None
    signing_key: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for name, option in _OPTIONS.items():
            raw = getattr(self, name)
            try:
                value = option.parse(raw)
            except ValueError as error:
                shown = repr(_redacted(raw))
                where = self.sources.get(name, "Settings(...)")
                raise SettingsError(f"{name} = {shown} ({where}) is not allowed: {error}") from None
            object.__setattr__(self, name, value)
        try:
            object.__setattr__(self, "signing_key", parse_signing_key(self.signing_key))
        except ValueError as error:
            where = self.sources.get("signing_key", "Settings(...)")
            raise SettingsError(f"signing_key ({where}) is not allowed: {error}.") from None
        try:
            _ = self.shards  # report an error in them now
        except ValueError as error:
            where = self.sources.get("redis_url", "Settings(...)")
            raise SettingsError(f"redis_url ({where}) is not allowed: {error}.") from None

    @property
    def redis_file(self) -> Path | None:
        """The ``pyproject.toml`` that sets the Redis URL, None if another source sets it."""
        source = self.sources.get("redis_url", "")
        return Path(source[len(_FILE) : -1]) if source.startswith(_FILE) else None

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The shards: one for each URL, none without a URL."""
        origin = str(self.redis_file or "")
        return shards_of(self.redis_url, self.namespace, origin) if self.redis_url else ()

    def __repr__(self) -> str:
        values = {name: getattr(self, name) for name in _OPTIONS}
        values["redis_url"] = self.redis_url and redact_url(self.redis_url)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    def source(self, name: str) -> str:
        """Return the source of a setting, for example ``environment FLOWKIT_REDIS_URL``.

        Raises SettingsError for an unknown name.
        """
        if name not in _OPTIONS:
            raise SettingsError(unknown_name("setting", name, list(_OPTIONS)))
        unchanged = getattr(self, name) == getattr(Settings(), name)
        return self.sources.get(name) or ("default" if unchanged else "Settings(...)")


def load_settings(
    *, cwd: Path | str | None = None, environ: Mapping[str, str] | None = None, **flags: object
) -> Settings:
    """Read all settings: from flags, the environment, ``pyproject.toml``, or the defaults.

    ``cwd``, ``environ``: use these instead of those of the process. ``flags``: settings by field
    name, as given on a command line; None means that the flag was not given. Raises SettingsError
    for a bad value, an unknown name, or a file that cannot be read.
    """
    for name in flags:
        if name not in _OPTIONS:
            raise SettingsError(unknown_name("setting", name, list(_OPTIONS)))
    own = own_system() if cwd is None and environ is None else None
    environ = variables() if environ is None else environ
    if own is None:
        values, sources = _from_file(cwd)
    else:
        values, sources, environ = dict(own.values), dict(own.sources), own.changed(environ)
    for name, option in _OPTIONS.items():
        if environ.get(option.variable, "").strip():
            values[name], sources[name] = environ[option.variable], f"environment {option.variable}"
        if flags.get(name) is not None:
            values[name], sources[name] = flags[name], f"flag {option.flag}"
    key, source = read_signing_key(environ)
    settings = Settings(**{**values, **key}, sources=sources | source)
    if flags.get("namespace") is not None:
        _refuse_two_namespaces(settings)
    return settings


def adopt_settings(settings: Settings) -> None:
    """Make these the settings of this process, as ``own_system`` says."""
    values = {name: getattr(settings, name) for name in (*_OPTIONS, "signing_key")}
    environ = dict(variables())
    adopt_system(OwnSystem(values, settings.sources, environ, settings.shards))


def _refuse_two_namespaces(settings: Settings) -> None:
    """Raise SettingsError if a URL names another namespace than the flag, which it would override.

    A namespace in the environment or the file applies to URLs that name none, so it is no conflict.
    """
    for shard in settings.shards:
        if shard.namespace != settings.namespace:
            raise SettingsError(
                f"namespace = {settings.namespace!r} ({settings.source('namespace')}) contradicts "
                f"{redact_url(shard.url)}#{shard.namespace} ({settings.source('redis_url')}): a "
                "URL with a # already names the namespace. Leave one of them out."
            )


def _redacted(raw: object) -> object:
    if isinstance(raw, list):
        return [_redacted(item) for item in raw]
    return redact_url(raw) if isinstance(raw, str) else raw


def _parse_redis_url(raw: object) -> str | None:
    if raw is None:
        return None
    if isinstance(raw, list) and raw and all(isinstance(url, str) for url in raw):
        raw = " ".join(raw)
    if not isinstance(raw, str):
        raise ValueError(f"it is not a string; {EXAMPLES}")
    problem = list_problem(raw)
    if problem:
        raise ValueError(f"{problem}; {EXAMPLES}")
    return " ".join(raw.split())


@dataclass(frozen=True, slots=True)
class _Option:
    variable: str
    flag: str
    parse: Callable[[object], object]


_OPTIONS = {
    "redis_url": _Option("FLOWKIT_REDIS_URL", "--redis", _parse_redis_url),
    "namespace": _Option("FLOWKIT_NAMESPACE", "--namespace", parse_namespace),
    "result_ttl": _Option("FLOWKIT_RESULT_TTL", "--result-ttl", parse_result_ttl),
    "max_result_bytes": _Option("FLOWKIT_MAX_RESULT_BYTES", "--max-result-bytes", parse_max_bytes),
    "log_level": _Option("FLOWKIT_LOG_LEVEL", "--log-level", parse_level),
    "log_json": _Option("FLOWKIT_LOG_JSON", "--log-json", parse_bool),
    "lease_seconds": _Option("FLOWKIT_LEASE", "--lease", parse_lease),
    "function_timeout": _Option(
        "FLOWKIT_FUNCTION_TIMEOUT", "--function-timeout", parse_function_timeout
    ),
    "allow_eviction": _Option("FLOWKIT_ALLOW_EVICTION", "--allow-eviction", parse_bool),
    "redis_patched": _Option("FLOWKIT_REDIS_PATCHED", "--redis-patched", parse_bool),
    "capture_output": _Option("FLOWKIT_CAPTURE_OUTPUT", "--capture-output", parse_bool),
    "task_logs": _Option("FLOWKIT_TASK_LOGS", "--task-logs", parse_bool),
    "task_log_bytes": _Option("FLOWKIT_TASK_LOG_BYTES", "--task-log-bytes", parse_log_bytes),
    "run_log_bytes": _Option("FLOWKIT_RUN_LOG_BYTES", "--run-log-bytes", parse_log_bytes),
    "log_redact": _Option("FLOWKIT_LOG_REDACT", "--log-redact", parse_patterns),
    "app_version": _Option("FLOWKIT_APP_VERSION", "--version", parse_app_version),
}


def _from_file(cwd: Path | str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of the nearest ``pyproject.toml``, and the source of each."""
    project = project_table(cwd)
    if project is None:
        return {}, {}
    path, table = project
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in _OPTIONS:
            keys = [option.replace("_", "-") for option in _OPTIONS]
            raise SettingsError(f"[tool.flowkit] of {path}: {unknown_name('key', key, keys)}")
        if name in values:
            raise SettingsError(
                f"{path}: [tool.flowkit] has {name} twice, with - and with _; remove one of them."
            )
        values[name] = value
    return values, dict.fromkeys(values, f"{_FILE}{path})")
