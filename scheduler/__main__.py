"""The command ``flowkit-scheduler``: reads its options and becomes the daemon.

With several shards, it becomes the parent of one daemon per shard.
"""

from __future__ import annotations

from functools import partial
from typing import NoReturn

import click

from flowkit.configuration.shards import Shard
from flowkit.daemon.options import (
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

from .config import SchedulerConfig
from .daemon import SchedulerDaemon
from .growth import check_growth
from .shard_balance import LeadershipCounts, ShardBalance


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--function-timeout",
    metavar="SECONDS",
    help="Fail a task that has waited this long for a live worker whose app has its function; 0 "
    "waits forever [FLOWKIT_FUNCTION_TIMEOUT; default: 0].",
)
@daemon_options
def main(**options: object) -> None:
    """Schedule the runs in Redis, until TERM or Ctrl-C. Start two: one leads, one stands by.

    With several shards, two schedulers lead about half of the shards each.
    """
    refuse_patched("flowkit-scheduler")
    open_missing_streams()
    settings = settings_from(options)
    shards = required_shards(settings, "flowkit-scheduler")
    if len(shards) == 1:
        _run_daemon(settings, shards[0], None)
    # Within a turn, a standby polls twice and a leader renews its lease at least once.
    turn = SchedulerConfig(redis_url="").lease / 2
    counts = LeadershipCounts(len(shards), turn)
    processes = [
        SupervisedProcess(
            repr(shard), partial(_run_daemon, settings, shard, ShardBalance(counts, shard.position))
        )
        for shard in shards
    ]
    log = EventLog(FlowkitLogger("flowkit", settings.log_level, settings.log_json))
    supervisor = Supervisor(
        processes,
        log,
        on_death=lambda process: counts.note(processes.index(process), leads=False),
    )

    def run() -> int:
        check_growth(shards)
        return supervisor.run()

    end_as(run)


def _run_daemon(settings: Settings, shard: Shard, balance: ShardBalance | None) -> NoReturn:
    config = SchedulerConfig(
        redis_url=shard.url,
        namespace=shard.namespace,
        log_level=settings.log_level,
        log_json=settings.log_json,
        shard_position=shard.shard_position,
        redis_patched=settings.redis_patched,
        function_timeout=settings.function_timeout,
    )
    allowed = settings.allow_eviction
    end_as(lambda: SchedulerDaemon(config, allow_eviction=allowed, shard_balance=balance).run())


if __name__ == "__main__":
    main()
