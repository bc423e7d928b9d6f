"""Options that the commands of this folder share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import click

Sizes = dict[str, int]


def sizes_of(
    known: Collection[str],
) -> Callable[[click.Context, click.Parameter, Sequence[str]], Sizes]:
    """Return the callback of ``--size WORKLOAD=N`` for these workloads."""

    def parse(context: click.Context, option: click.Parameter, given: Sequence[str]) -> Sizes:
        sizes: Sizes = {}
        for text in given:
            name, _, number = text.partition("=")
            if name not in known or not number.isdecimal() or int(number) < 1:
                raise click.BadParameter(
                    f"{text!r}: write WORKLOAD=N with N from 1; workloads: {', '.join(known)}"
                )
            sizes[name] = int(number)
        return sizes

    return parse
