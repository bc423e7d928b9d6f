"""The command ``flowkit-worker``: reads its options and becomes the daemon.

With several shards it becomes the parent of one daemon per shard, and each daemon has its children.
"""

from __future__ import annotations

from functools import partial
from typing import NoReturn

import click

from flowkit.cli.daemon_options import (
    daemon_options,
    end_as,
    refuse_patched,
    required_shards,
    settings_from,
)
from flowkit.cli.inputs import Seconds
from flowkit.logging.logger import FlowkitLogger
from flowkit.processes.standard_streams import open_missing_streams
from flowkit.processes.supervisor import SupervisedProcess, Supervisor
from flowkit.protocol.shards import Shard
from flowkit.protocol.signing_keys import keys_of
from flowkit.settings import Settings

from .config import WorkerConfig
from .daemon import WorkerDaemon


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--app",
    required=True,
    help="Module (pkg.module) or file (path/to/file.py) that defines the tasks.",
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
    help="Async tasks at a time per process.",
)
@click.option(
    "--max-tasks-per-child",
    type=int,
    default=0,
    show_default=True,
    help="Replace a process after this many tasks; 0: never.",
)
@click.option(
    "--shutdown-timeout",
    type=Seconds(),
    default=25.0,
    show_default=True,
    help="Seconds that running tasks may continue after TERM or Ctrl-C. A second one ends them at "
    "once.",
)
@click.option(
    "--capture-output/--no-capture-output",
    default=None,
    help="Turn what tasks print and log into log lines that name run, task and attempt, or leave "
    "it unchanged [FLOWKIT_CAPTURE_OUTPUT; default: capture].",
)
@daemon_options
def main(**options: object) -> None:
    """Run tasks of APP for the runs in Redis, until TERM or Ctrl-C.

    With several shards, each shard gets --processes child processes.
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
    end_as(
        Supervisor(processes, FlowkitLogger("flowkit", settings.log_level, settings.log_json)).run
    )


def _run_daemon(settings: Settings, config: WorkerConfig) -> NoReturn:
    end_as(lambda: WorkerDaemon(config, allow_eviction=settings.allow_eviction).run())


def _config(settings: Settings, shard: Shard, options: dict[str, object]) -> WorkerConfig:
    queues = str(options["queues"]).split(",")
    return WorkerConfig(
        app=str(options["app"]),
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
    )


def _number(options: dict[str, object], name: str) -> int:
    return int(str(options[name]))


if __name__ == "__main__":
    main()
