"""``flowkit doctor``: checks a running system, and says what to do about each finding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ..daemon.exit_codes import ExitCode
from ..daemon.options import redis_options, required_shards, settings_from
from .connect import CONNECT_PATIENCE_S
from .inputs import json_option

if TYPE_CHECKING:
    from ..core.finding import Finding


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(0, 3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to measure the growth of memory.",
)
@click.option("--quiet", is_flag=True, help="Show warnings and problems only.")
@json_option
@redis_options
@click.pass_context
def doctor(
    ctx: click.Context, /, seconds: float, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Check Redis, the scheduler, the workers and the queues, and say what to do.

    Exit codes: 0 if all is well, 6 for warnings, 7 for problems, 3 if Redis cannot be reached. What
    cannot be found out, for example without a right, is shown as unknown, and is no fault.
    """
    from ..client.client import Client
    from ..client.documents.make_doctor import doctor_document
    from ..core.finding import Health, worst
    from .print_json import print_document

    settings = settings_from(options)
    required_shards(settings, ctx.command_path)
    # A Redis that may evict keys is a finding here, and no reason to refuse it.
    settings = replace(settings, allow_eviction=True)
    with Client(settings, patience=CONNECT_PATIENCE_S) as client:
        findings = client.doctor(seconds)
    health = worst(findings)
    if as_json:
        print_document(doctor_document(findings))
    else:
        _show(findings, quiet=quiet)
    codes = {Health.WARNING: ExitCode.WARNING, Health.PROBLEM: ExitCode.PROBLEM}
    ctx.exit(codes.get(health, ExitCode.OK))


def _show(findings: list[Finding], *, quiet: bool) -> None:
    from ..basics.counted import counted
    from ..core.finding import Health
    from .output import note, print_table

    serious = [item for item in findings if item.health in (Health.WARNING, Health.PROBLEM)]
    shown = serious if quiet else findings
    several = any(item.shard for item in findings)
    columns = ["HEALTH", *(["SHARD"] if several else []), "SUBJECT", "FINDING"]
    if shown:
        print_table(columns, [_row(item, with_shard=several) for item in shown])
    problems = sum(item.health is Health.PROBLEM for item in serious)
    summary = f"{counted(problems, 'problem')}, {counted(len(serious) - problems, 'warning')}."
    note(summary if serious else "All is well.")


def _row(item: Finding, *, with_shard: bool) -> list[str]:
    text = f"{item.text} {item.advice}".rstrip()
    return [item.health.value, *([item.shard] if with_shard else []), item.subject, text]
