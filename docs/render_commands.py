"""The commands in docs/reference/commands.md, generated from the same data as ``--help``.

The text does not depend on the release of click: names, metavars and defaults are read from the
flags themselves, not from the lines that click would print.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator

import click

from flowkit import cli
from flowkit.scheduler.__main__ import main as scheduler
from flowkit.worker.__main__ import main as worker

DAEMONS = (("flowkit-scheduler", scheduler), ("flowkit-worker", worker))

Row = tuple[str, str]  # a flag with its value, and its meaning


def command_sections() -> str:
    """Return one section for each command and daemon: usage, description and flags.

    The flags of ``common_flags`` are only named.
    """
    common = _common()
    return "\n\n".join(
        part for name, command in all_commands() for part in _section(name, command, common)
    )


def common_flags() -> str:
    """Return a table of the flags that most commands have, with one meaning in all of them."""
    return _table(_common())


def _section(name: str, command: click.Command, common: list[Row]) -> Iterator[str]:
    yield f"### {name}"
    yield f"```text\n{_usage(name, command)}\n```"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield _escaped(" ".join(paragraph.split()))
    rows = list(flags_of(command))
    own = [row for row in rows if row not in common]
    if own:
        yield _table(own)
    names = [f"`{flag.split()[0]}`" for flag, meaning in rows if (flag, meaning) in common]
    if names:
        yield f"[Common flags](#common-flags): {', '.join(names)}."


def _common() -> list[Row]:
    """Return the flags that more than half of the commands have."""
    commands = list(all_commands())
    counts = Counter(row for _, command in commands for row in flags_of(command))
    return [row for row, count in counts.items() if count > len(commands) / 2]


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield the full name of each command; of a group, its commands instead of itself."""
    with click.Context(cli.main) as context:
        for name in cli.main.list_commands(context):
            command = cli.main.get_command(context, name)
            if isinstance(command, click.Group):
                for inner in command.list_commands(context):
                    yield f"flowkit {name} {inner}", command.commands[inner]
            elif command is not None:
                yield f"flowkit {name}", command
    yield from DAEMONS


def _usage(name: str, command: click.Command) -> str:
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    return " ".join([name, "[FLAGS]", *map(_argument, arguments)])


def _argument(argument: click.Argument) -> str:
    if argument.metavar:
        return argument.metavar
    text = (argument.name or "").upper()
    text = text if argument.required else f"[{text}]"
    return text if argument.nargs == 1 else f"{text}..."


def flags_of(command: click.Command) -> Iterator[Row]:
    """Yield the flags of a command, as a row each."""
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            yield _flag(option), _meaning(option)


def _flag(option: click.Option) -> str:
    """Return the spellings of a flag, and the placeholder of its value."""
    names = ", ".join(sorted(option.opts, key=len))
    if option.secondary_opts:
        return f"{names} / {', '.join(option.secondary_opts)}"
    return names if option.is_flag else f"{names} {_metavar(option)}"


def _metavar(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "[" + "|".join(map(str, option.type.choices)) + "]"
    return option.metavar or option.type.name.removesuffix(" range").upper()


def _meaning(option: click.Option) -> str:
    text = " ".join((option.help or "").split())
    shown = option.show_default and not option.is_flag and option.default is not None
    return f"{text} [default: {option.default}]" if shown else text


def _table(rows: list[Row]) -> str:
    lines = [f"| `{_escaped(flag)}` | {_escaped(meaning)} |" for flag, meaning in rows]
    return "\n".join(["| Flag | Meaning |", "| --- | --- |", *lines])


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")
