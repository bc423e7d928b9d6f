"""The command ``flowkit-worker``: reads its options and becomes the daemon.

With several shards it becomes the parent of one daemon per shard, and each daemon has its children.
"""

from __future__ import annotations

from functools import partial
from typing import NoReturn

import click

from flowkit.configuration.shards import Shard
from flowkit.configuration.signing_keys import keys_of
from flowkit.daemon.options import (
    Seconds,
    app_version_option,
    daemon_options,
    end_as,
    refuse_patched,
    required_shards,
    settings_from,
)
from flowkit.logging.event_log import EventLog
from flowkit.logging.logger import FlowkitLogger
from flowkit.processes.standard_streams import open_missing_streams
from flowkit.processes.supervisor import SupervisedProcess, Supervisor
from flowkit.settings import Settings

from .config import WorkerConfig
from .daemon import WorkerDaemon


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--app",
    "apps",
    required=True,
    multiple=True,
    metavar="FILE_OR_MODULE",
    help="An app that defines tasks: a file (etl.py) or a module (package.etl). Give the option "
    "once for each app.",
)
@click.option(
    "--queues",
    default="default",
    show_default=True,
    help="Queues to serve, comma-separated, in order of priority.",
)
@click.option(
    "--processes", type=int, default=2, show_default=True, help="Child processes that run tasks."
)
@click.option(
    "--concurrency",
    type=int,
    default=100,
    show_default=True,
    help="Async tasks that run at the same time in each process.",
)
@click.option(
    "--max-tasks-per-child",
    type=int,
    default=0,
    show_default=True,
    help="Replace a process after this many tasks; 0 means never.",
)
@click.option(
    "--shutdown-timeout",
    type=Seconds(),
    default=25.0,
    show_default=True,
    help="Seconds that running tasks may continue after TERM or Ctrl-C. A second signal ends them "
    "at once.",
)
@click.option(
    "--capture-output/--no-capture-output",
    default=None,
    help="Turn the output and log records of tasks into log lines that name the run, task and "
    "attempt, or leave them unchanged [FLOWKIT_CAPTURE_OUTPUT; default: capture].",
)
@app_version_option
@daemon_options
def main(**options: object) -> None:
    """Run the tasks of an app for the runs in Redis, until TERM or Ctrl-C.

    With several shards, --processes child processes run for each shard.
    """
    refuse_patched("flowkit-worker")
    open_missing_streams()
    settings = settings_from(options)
    shards = required_shards(settings, "flowkit-worker")
    try:
        configs = [_config(settings, shard, options) for shard in shards]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if len(configs) == 1:
        _run_daemon(settings, configs[0])
    processes = [
        SupervisedProcess(repr(shard), partial(_run_daemon, settings, config))
        for shard, config in zip(shards, configs, strict=True)
    ]
    log = EventLog(FlowkitLogger("flowkit", settings.log_level, settings.log_json))
    end_as(Supervisor(processes, log).run)


def _run_daemon(settings: Settings, config: WorkerConfig) -> NoReturn:
    end_as(lambda: WorkerDaemon(config, allow_eviction=settings.allow_eviction).run())


def _config(settings: Settings, shard: Shard, options: dict[str, object]) -> WorkerConfig:
    queues = str(options["queues"]).split(",")
    return WorkerConfig(
        apps=tuple(dict.fromkeys(_texts(options, "apps"))),
        redis_url=shard.url,
        namespace=shard.namespace,
        shard_position=shard.shard_position,
        redis_patched=settings.redis_patched,
        queues=tuple(dict.fromkeys(name.strip() for name in queues if name.strip())),
        processes=_number(options, "processes"),
        concurrency=_number(options, "concurrency"),
        max_tasks_per_child=_number(options, "max_tasks_per_child"),
        shutdown_timeout=float(str(options["shutdown_timeout"])),
        lease=settings.lease_seconds,
        max_result_bytes=settings.max_result_bytes,
        log_level=settings.log_level,
        log_json=settings.log_json,
        capture_output=settings.capture_output,
        signing_keys=keys_of(settings.signing_key),
        settings=settings,
        app_version=settings.app_version or "",
        task_logs=settings.task_logs,
        task_log_bytes=settings.task_log_bytes,
        run_log_bytes=settings.run_log_bytes,
        log_redact=settings.log_redact,
    )


def _texts(options: dict[str, object], name: str) -> list[str]:
    texts = options[name]
    return [str(text) for text in texts] if isinstance(texts, tuple | list) else []


def _number(options: dict[str, object], name: str) -> int:
    return int(str(options[name]))


if __name__ == "__main__":
    main()
