"""Commands whose ``--help`` also lists the parameters of the DAG that they are given."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import click

from ..basics.display_text import escape_lines, escape_text

_KEY = "flowkit.spec"


class DAGCommand(click.Command):
    """A command that takes a DAG: ``flowkit run --help etl.py`` shows what ``-p`` can set."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note which DAG is given, if help is asked for: ``--help`` ends the parsing early."""
        if any(word in ctx.help_option_names for word in args):
            rest = [word for word in args if word not in ctx.help_option_names]
            with suppress(click.UsageError):
                values, _, _ = self.make_parser(ctx).parse_args(rest)
                ctx.meta[_KEY] = values.get("spec"), values.get("texts") or ()
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and the parameters of the DAG."""
        super().format_options(ctx, formatter)
        spec, texts = ctx.meta.get(_KEY, (None, ()))
        if isinstance(spec, str):
            with formatter.section(f"Parameters of {escape_text(spec)}"):
                _write_parameters(spec, texts, formatter)


def _write_parameters(spec: str, texts: Sequence[str], formatter: click.HelpFormatter) -> None:
    from ..exceptions import FlowkitError
    from .given import parse_params
    from .loading import describe

    try:
        described = describe(spec, parse_params(texts))
    except (FlowkitError, click.UsageError) as error:
        formatter.write(escape_lines(f"  They cannot be shown: {error}", "  ") + "\n")
        return
    lines = []
    for parameter in (*described.own, *(described.of_run or ())):
        default = "[required]" if parameter.required else f"[default: {parameter.default_text}]"
        kind = f": {parameter.type_name}" if parameter.type_name else ""
        lines.append(
            (escape_text(parameter.name + kind), escape_text(f"{parameter.doc} {default}".strip()))
        )
    if lines:
        formatter.write_dl(lines)
    if described.note or not lines:
        formatter.write_text(escape_text(described.note or "none"))
