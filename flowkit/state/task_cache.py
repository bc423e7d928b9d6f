"""TaskCache: a decorator that calls a function once for equal arguments, until a TTL is over.

    cached = TaskCache(StateManager("cache.json"), ttl=3600)

    @task(retries=3)
    @cached
    def fetch(url): …

Rules:
- The key is the function's name for a call without arguments, and ``NAME:DIGEST`` otherwise.
  ``f(1)`` and ``f(x=1)`` are the same call. Two functions with one name in one store would get each
  other's results, so a warning is logged, also for functions that one factory makes with different
  variables. The cache ignores whatever else the function depends on (its code, files, the time of
  day): clear the store, or set a TTL.
- ``None`` is stored like any other result. Exceptions are not stored.
- Two parallel calls may both run the function; the later result stays.
- A stored result that cannot be rebuilt (its class has changed) counts as missing, with a warning.
- It decorates a function, plain or ``async``, or a Task, which stays the same Task.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from ..arguments import check_ttl
from ..definition.callables import is_async
from ..definition.functions import ref_of
from ..definition.task import Task
from ..events.programs import CacheNamesake, StateUnreadable
from ..exceptions import IllegalValue
from ..logging import get_logger
from ..logging.event_log import EventLog
from .entries import MISSING
from .store import StateStore

Function = TypeVar("Function", bound=Callable[..., Any])

# By store: function name → reference of the first function with it, and version of its code.
_seen: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()
_versions: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()


class TaskCache:
    """A decorator that stores results in ``state`` for ``ttl`` seconds.

    ``ttl``: None for the default of ``state``.
    """

    def __init__(self, state: StateStore, ttl: float | None = None) -> None:
        """Raises TypeError or ValueError for an invalid store or TTL."""
        self.state = check_store("TaskCache", state)
        self.ttl = check_ttl("ttl", ttl)

    def __call__(self, func: Function) -> Function:
        """Return ``func`` with cached results. Raises TypeError unless ``func`` is a function."""
        if isinstance(func, Task):
            func.func = self._wrap(func.func)
            return func
        wrapped: Function = self._wrap(func)
        return wrapped

    def __repr__(self) -> str:
        return f"TaskCache({self.state!r}, ttl={self.ttl!r})"

    def _wrap(self, func: Any) -> Any:
        name = _name_of(func)
        ref = ref_of(func)
        is_first = self._warn_of_namesake(name, ref)
        on_first_call = partial(self._warn_of_other_code, name, ref, func) if is_first else None
        key_of = _KeyMaker(name, func, on_first_call)
        if is_async(func):
            return self._wrap_async(func, key_of)

        @functools.wraps(func)
        def cached(*args: Any, **kwargs: Any) -> Any:
            key = key_of(args, kwargs)
            stored = read_or_missing(self.state, key)
            if stored is not MISSING:
                return stored
            result = func(*args, **kwargs)
            self.state.set(key, result, ttl=self.ttl)
            return result

        return cached

    def _wrap_async(self, func: Any, key_of: _KeyMaker) -> Any:
        """Stores block (a disk, a server), so they are called in a thread beside the loop."""

        @functools.wraps(func)
        async def cached(*args: Any, **kwargs: Any) -> Any:
            from asyncio import to_thread

            key = key_of(args, kwargs)
            stored = await to_thread(read_or_missing, self.state, key)
            if stored is not MISSING:
                return stored
            result = await func(*args, **kwargs)
            await to_thread(self.state.set, key, result, ttl=self.ttl)
            return result

        return cached

    def _warn_of_namesake(self, name: str, ref: str) -> bool:
        """Warn about another function with that name; return whether there is none."""
        first = _first(_seen, self.state, name, ref)
        if first != ref:
            EventLog(get_logger()).hear(CacheNamesake(key=name, function=ref, other=first))
        return first == ref

    def _warn_of_other_code(self, name: str, ref: str, func: Any) -> None:
        """Warn about a different function from the same place, for example from a factory.

        The function is compared at its first call, when its closure is complete.
        """
        from ..codec.packing import CodecError
        from ..definition.code_version import code_version

        try:
            version = code_version(func)
        except CodecError:  # it contains a value that cannot be compared
            return
        if _first(_versions, self.state, name, version) != version:
            EventLog(get_logger()).hear(CacheNamesake(key=name, function=ref))


class _KeyMaker:
    """Makes the keys of one function's calls."""

    def __init__(
        self, name: str, func: Any, on_first_call: Callable[[], None] | None = None
    ) -> None:
        self._name = name
        self._on_first_call = on_first_call
        try:
            self._signature: inspect.Signature | None = inspect.signature(func)
        except (ValueError, TypeError):  # some built-ins have no signature
            self._signature = None

    def __call__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Return the key of a call. Raises IllegalValue for arguments without a digest."""
        warn = self._on_first_call
        if warn is not None:
            self._on_first_call = None
            warn()
        if not args and not kwargs:
            return self._name
        from ..codec.digests import digest
        from ..codec.packing import CodecError

        try:
            return f"{self._name}:{digest(self._named(args, kwargs), 'arguments')}"
        except CodecError as error:
            raise IllegalValue(
                f"TaskCache: calls of {self._name!r} cannot be distinguished by these arguments: "
                f"{error} Cache a function that takes plain data."
            ) from error

    def _named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by name, whether they were passed by name or position."""
        if self._signature is not None:
            try:
                return dict(self._signature.bind(*args, **kwargs).arguments)
            except TypeError:  # a wrong call, or a decorator with another signature
                pass
        return {"args": args, "kwargs": dict(kwargs)}


def _first(known: WeakKeyDictionary[Any, dict[str, str]], state: Any, name: str, value: str) -> str:
    """Return the first value recorded for that store and name, ``value`` if it is the first."""
    try:
        return known.setdefault(state, {}).setdefault(name, value)
    except TypeError:  # the user's store does not support weak references or hashing
        return value


def check_store(what: str, state: object) -> StateStore:
    """Return ``state`` if it has the methods of a store, otherwise raise TypeError."""
    if isinstance(state, type) or not isinstance(state, StateStore):
        hint = "" if not isinstance(state, str) else " For a file: StateManager('state.json')."
        raise TypeError(
            f"{what} takes a StateManager, a RedisStateManager, or an object with the methods of "
            f"flowkit.state.StateStore, not {state!r}.{hint}"
        )
    return state


def read_or_missing(state: StateStore, key: str) -> Any:
    """Return a live value; ``MISSING`` if there is none or this process cannot rebuild it."""
    try:
        return state.get(key, MISSING)
    except IllegalValue as error:
        warn_unreadable(key, error)
        return MISSING


def warn_unreadable(key: str, error: IllegalValue) -> None:
    """Log that what is stored under ``key`` is ignored."""
    EventLog(get_logger()).hear(StateUnreadable(key=key, reason=str(error)))


def _name_of(func: Any) -> str:
    name = getattr(func, "__name__", None)
    if isinstance(func, type) or not callable(func) or name is None:
        raise TypeError(f"TaskCache decorates functions, and {func!r} is not a function.")
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise TypeError(
            f"TaskCache: {name!r} is a generator function, whose values can be read only once. "
            "Return a list instead of using yield."
        )
    return str(name)
