"""The key of a cached result: a digest of the call.

Two calls share an entry if they call the function at the same place (``module:qualname``) with the
same version of its code (code_version.py) and the same arguments: upstream results by position, all
others by name. If a task has a ``cache_key``, its result replaces the arguments. Nothing else
matters: neither the run, nor the DAG, nor the names and options of the tasks.

The cache stores the packed result, in this process (local/cache.py) and on workers, so that no task
can change what the next one gets. Only values of the typed codec have a digest and a packed form. A
call with any other value is made, but not cached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..basics.display_text import error_text
from ..codec.digests import digest
from ..codec.packing import CodecError
from ..definition.call_plan import plan_for
from ..definition.code_version import code_version
from ..definition.task import Task

FORMAT = 1  # of the digested data; a new number invalidates all entries


class NotCacheable(Exception):
    """This call has no entry. The text says why, as the end of a sentence."""


def entry_of(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the entry of a call, in 32 letters. Raises NotCacheable."""
    try:
        version = code_version(task.func)
    except Exception as error:
        raise NotCacheable(f"the version of its code is unknown: {_text_of(error)}") from error
    made_from = (
        _arguments(task, args, kwargs) if task.cache_key is None else _key(task, args, kwargs)
    )
    return digest([FORMAT, task.ref, version, made_from], "entry")


def _arguments(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    try:
        upstream = [digest(value, name) for name, value in _named(task, args)]
        return ["arguments", upstream, {name: digest(kwargs[name], name) for name in kwargs}]
    except Exception as error:  # CodecError, or an error of the user's class
        raise NotCacheable(f"an argument has no digest: {_text_of(error)}") from error


def _named(task: Task, args: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the positional arguments with their names in the function."""
    names = plan_for(task).positional
    for at, value in enumerate(args):
        yield names[at] if at < len(names) else f"args[{at - len(names)}]", value


def _key(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    try:
        key = task.cache_key(*args, **kwargs) if task.cache_key is not None else None
    except Exception as error:
        raise NotCacheable(f"its cache_key raised {_text_of(error)}") from error
    try:
        return ["key", digest(key, "cache_key(…)")]
    except Exception as error:
        problem = f"what its cache_key returned has no digest: {_text_of(error)}"
        raise NotCacheable(problem) from error


def _text_of(error: Exception) -> str:
    return str(error) if isinstance(error, CodecError) else error_text(error)
