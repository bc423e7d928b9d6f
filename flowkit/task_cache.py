"""TaskCache: a decorator that calls a function once for the same arguments, until a TTL is over.

    cached = TaskCache(StateManager("cache.json"), ttl=3600)

    @task(retries=3)
    @cached
    def fetch(url): …

Rules:
- The key is the function's name for a call without arguments, and ``NAME:DIGEST`` otherwise.
  ``f(1)`` and ``f(x=1)`` are the same call. Two functions of one name on one store would answer for
  each other, so a warning says when that is seen, also of what one factory makes with other
  variables. What else the function depends on (its code, files, the time of day) is not looked at:
  clear the store, or give a TTL.
- ``None`` is a result like any other; an exception is not, and is not kept.
- Two calls at the same time may both run the function; the later result stays.
- A stored result that cannot be rebuilt (its class has changed) counts as none, with a warning.
- It goes round a function, plain or ``async``, or round a Task, which stays the same Task.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from .callables import is_async
from .exceptions import IllegalValue
from .functions import ref_of
from .logging import LogLevel, get_logger
from .state import StateStore
from .state.arguments import check_ttl
from .state.entries import MISSING
from .task import Task

Function = TypeVar("Function", bound=Callable[..., Any])

# By store: function name → reference of the function that had it first, and version of its code.
_seen: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()
_versions: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()


class TaskCache:
    """A decorator that keeps results in ``state`` for ``ttl`` seconds (None: as ``state`` does)."""

    def __init__(self, state: StateStore, ttl: float | None = None) -> None:
        """Raises TypeError or ValueError for what is no store or no TTL."""
        self.state = check_store("TaskCache", state)
        self.ttl = check_ttl("ttl", ttl)

    def __call__(self, func: Function) -> Function:
        """Return ``func`` with its results kept. Raises TypeError for what has none to keep."""
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
            found = read_or_missing(self.state, key)
            if found is not MISSING:
                return found
            result = func(*args, **kwargs)
            self.state.set(key, result, ttl=self.ttl)
            return result

        return cached

    def _wrap_async(self, func: Any, key_of: _KeyMaker) -> Any:
        """Stores block (a disk, a server), so they are asked in a thread beside the loop."""

        @functools.wraps(func)
        async def cached(*args: Any, **kwargs: Any) -> Any:
            from asyncio import to_thread

            key = key_of(args, kwargs)
            found = await to_thread(read_or_missing, self.state, key)
            if found is not MISSING:
                return found
            result = await func(*args, **kwargs)
            await to_thread(self.state.set, key, result, ttl=self.ttl)
            return result

        return cached

    def _warn_of_namesake(self, name: str, ref: str) -> bool:
        """Warn of another function with that name; return whether there is none."""
        first = _first(_seen, self.state, name, ref)
        if first != ref:
            get_logger().event(
                LogLevel.WARNING,
                "cache_namesake",
                f"TaskCache: {ref} and {first} keep their results under one name, {name!r}, in one "
                "store, so each may be given those of the other; rename one, or use two stores",
            )
        return first == ref

    def _warn_of_other_code(self, name: str, ref: str, func: Any) -> None:
        """Warn of a function from the same place that does something else: from a factory, say.

        It is compared when it is called first: only then its closure is complete.
        """
        from .code_version import code_version
        from .protocol.codec import CodecError

        try:
            version = code_version(func)
        except CodecError:  # it holds what nothing can be compared by
            return
        if _first(_versions, self.state, name, version) != version:
            get_logger().event(
                LogLevel.WARNING,
                "cache_namesake",
                f"TaskCache: two versions of {ref} keep their results under one name, {name!r}, in "
                "one store, so each may be given those of the other; make what they differ by an "
                "argument, or use two stores",
            )


class _KeyMaker:
    """Makes the keys of one function's calls."""

    def __init__(
        self, name: str, func: Any, on_first_call: Callable[[], None] | None = None
    ) -> None:
        self._name = name
        self._on_first_call = on_first_call
        try:
            self._signature: inspect.Signature | None = inspect.signature(func)
        except (ValueError, TypeError):  # some built-ins tell nothing
            self._signature = None

    def __call__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Return the key of a call. Raises IllegalValue for arguments without a digest."""
        warn = self._on_first_call
        if warn is not None:
            self._on_first_call = None
            warn()
        if not args and not kwargs:
            return self._name
        from .protocol.codec import CodecError
        from .state.digest import digest

        try:
            return f"{self._name}:{digest(self._named(args, kwargs), 'arguments')}"
        except CodecError as error:
            raise IllegalValue(
                f"TaskCache: calls of {self._name!r} cannot be told apart by these arguments: "
                f"{error} Cache a function that takes plain data."
            ) from error

    def _named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by their names, however they were passed."""
        if self._signature is not None:
            try:
                return dict(self._signature.bind(*args, **kwargs).arguments)
            except TypeError:  # a wrong call; or a decorator that shows another signature
                pass
        return {"args": args, "kwargs": dict(kwargs)}


def _first(known: WeakKeyDictionary[Any, dict[str, str]], state: Any, name: str, value: str) -> str:
    """Return what was noted first for that store and name, ``value`` if it is the first."""
    try:
        return known.setdefault(state, {}).setdefault(name, value)
    except TypeError:  # a user's store that cannot be referred to weakly, or hashed
        return value


def check_store(what: str, state: object) -> StateStore:
    """Return ``state`` if it has the methods of a store, else raise TypeError."""
    if isinstance(state, type) or not isinstance(state, StateStore):
        hint = "" if not isinstance(state, str) else " For a file: StateManager('state.json')."
        raise TypeError(
            f"{what} takes a StateManager, a RedisStateManager, or an object with the methods of "
            f"flowkit.state.StateStore, not {state!r}.{hint}"
        )
    return state


def read_or_missing(state: StateStore, key: str) -> Any:
    """Return a live value or ``MISSING``, also for one that cannot be rebuilt in this process."""
    try:
        return state.get(key, MISSING)
    except IllegalValue as error:
        warn_unreadable(key, error)
        return MISSING


def warn_unreadable(key: str, error: IllegalValue) -> None:
    """Log that what is stored under ``key`` is ignored."""
    get_logger().event(
        LogLevel.WARNING,
        "state_unreadable",
        f"State {key!r} cannot be read, so it is made again",
        reason=str(error),
    )


def _name_of(func: Any) -> str:
    name = getattr(func, "__name__", None)
    if isinstance(func, type) or not callable(func) or name is None:
        raise TypeError(f"TaskCache keeps the results of functions, and {func!r} is none.")
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise TypeError(
            f"TaskCache: {name!r} is a generator function, whose values would be gone after one "
            "reading. Return a list instead of using yield."
        )
    return str(name)
