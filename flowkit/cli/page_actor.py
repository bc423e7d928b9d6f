"""The client with which the page acts: as another Redis user than the one that it reads as.

The one that reads can be a user of the role viewer, who may not write. The URL of the other one has
a password. So it comes from a file or from the environment, never from a command line, which ``ps``
shows, or from ``pyproject.toml``, which is committed. No message quotes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from ..basics.trust import Untrusted, open_trusted, resolve
from ..client.client import Client
from ..exceptions import SettingsError
from ..settings import Settings
from .connect import CONNECT_PATIENCE_S

VARIABLE = "FLOWKIT_ACT_REDIS_URL"
MOST_BYTES = 64 * 1024


def acting_client(
    ctx: click.Context, reader: Client, file: Path | None, environ: Mapping[str, str]
) -> Client:
    """Return the client that acts, which is the one that reads if no other URL is given.

    It is closed when the command ends. ``file`` comes before the environment. Raises UsageError
    for a file that cannot be used, and for a URL that is none or that is of another system;
    RedisUnavailable, UnfitRedis.
    """
    given = environ.get(VARIABLE, "").strip()
    if file is None and not given:
        return reader
    source = VARIABLE if file is None else str(file)
    settings = _settings(reader.settings, given if file is None else _in_file(file), source)
    return ctx.with_resource(Client(settings, patience=CONNECT_PATIENCE_S))


def _settings(own: Settings, url: str, source: str) -> Settings:
    try:
        settings = replace(own, redis_url=url, sources={**own.sources, "redis_url": source})
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    named = [[shard.namespace for shard in each.shards] for each in (own, settings)]
    if named[0] != named[1]:
        raise click.UsageError(
            f"The URL to act with ({source}) is of another system: it has the namespaces "
            f"{', '.join(named[1])}, and the page reads {', '.join(named[0])}. Give the URLs of "
            "--redis in their order, with another user."
        )
    return settings


def _in_file(path: Path) -> str:
    try:
        with open(open_trusted(resolve(path), os.O_RDONLY), "rb") as file:
            text = file.read(MOST_BYTES).decode().strip()
    except Untrusted as error:
        problem = f"is not allowed: {error}"
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    else:
        if text:
            return text
        problem = "is empty: write the URL of Redis into it"
    raise click.UsageError(f"The file {path} of --act-redis-file {problem}.")
