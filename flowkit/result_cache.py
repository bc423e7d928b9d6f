"""What a cached result is kept under: a digest of what the call was made of.

Two calls share an entry if they call the function at the same place (``module:qualname``) with the
same version of its code (code_version.py) and the same arguments: upstream results by position, all
others by name. Where a task has a ``cache_key``, its result stands for the arguments. Nothing else
counts: not the run, the DAG, or the names and options of the tasks.

What is kept is the packed result, here (local/cache.py) as on workers, so that no task can change
what the next one gets. Only values of the typed codec have a digest and a packed form; a call with
any other is made, and not cached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .code_version import code_version
from .core.display_text import error_text
from .invoke import plan_for
from .protocol.codec import CodecError
from .state.digest import digest
from .task import Task

FORMAT = 1  # of what an entry's digest is taken of; another one makes all entries new


class NotCacheable(Exception):
    """This call has no entry. Says why, as the end of a sentence."""


def entry_of(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the entry of a call, in 32 letters. Raises NotCacheable."""
    try:
        version = code_version(task.func)
    except Exception as error:
        raise NotCacheable(f"the version of its code cannot be told: {_said(error)}") from error
    made_from = (
        _arguments(task, args, kwargs) if task.cache_key is None else _key(task, args, kwargs)
    )
    return digest([FORMAT, task.ref, version, made_from], "entry")


def _arguments(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    try:
        upstream = [digest(value, name) for name, value in _named(task, args)]
        return ["arguments", upstream, {name: digest(kwargs[name], name) for name in kwargs}]
    except Exception as error:  # CodecError, or what a class of the user's raises
        raise NotCacheable(f"an argument has no digest: {_said(error)}") from error


def _named(task: Task, args: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the positional arguments with what the function calls them."""
    names = plan_for(task).positional
    for at, value in enumerate(args):
        yield names[at] if at < len(names) else f"args[{at - len(names)}]", value


def _key(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    try:
        key = task.cache_key(*args, **kwargs) if task.cache_key is not None else None
    except Exception as error:
        raise NotCacheable(f"its cache_key raised {_said(error)}") from error
    try:
        return ["key", digest(key, "cache_key(…)")]
    except Exception as error:
        raise NotCacheable(f"what its cache_key returned has no digest: {_said(error)}") from error


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, CodecError) else error_text(error)
