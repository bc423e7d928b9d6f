"""The command ``flowkit-scheduler``: reads its options and becomes the daemon."""

from __future__ import annotations

import click

from ..cli.daemon_options import daemon_options, end_as, required_url, settings_from
from .config import SchedulerConfig
from .daemon import SchedulerDaemon


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@daemon_options
def main(**options: object) -> None:
    """Resolve the runs in Redis, until TERM or Ctrl-C. Start two: one leads, one stands by."""
    settings = settings_from(options)
    config = SchedulerConfig(
        redis_url=required_url(settings, "flowkit-scheduler"),
        namespace=settings.namespace,
        log_level=settings.log_level,
        log_json=settings.log_json,
    )
    end_as(lambda: SchedulerDaemon(config, allow_eviction=settings.allow_eviction).run())


if __name__ == "__main__":
    main()
