"""Sets and dictionaries whose keys an attacker may have chosen.

Python randomises the hashes of text and bytes. The hash of other values (numbers, tuples, dates
with a zone, frozensets) is determined by the value, so the writer of the bytes can choose it. Three
attacks make building a table quadratic or worse, and each has its guard:

- *Many keys with the same hash* (multiples of 2**61-1): each is compared with all others. The
  comparisons are counted before the table is built; `MAX_COMPARISONS_PER_KEY` bounds them.
- *Few keys whose comparison is expensive*: frozensets that nest colliding frozensets (4**depth
  comparisons), a Decimal and a long integer (a quadratic conversion). The same count weighs them.
- *Keys with different hashes that use the same slots*. The slots depend on the release of CPython,
  so the guard is the processor time of the thread: a table that takes ten times as long as an
  honest one is refused. Processor time does not include waiting on a busy machine.

Duplicate and unhashable keys are refused too. Tables of text and bytes only cost a check of the
classes of their keys.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import groupby
from time import thread_time_ns
from typing import Any

from . import limits
from .errors import BrokenValue
from .survey import PLAIN, spreader
from .wire import Code

_RANDOMISED = frozenset({str, bytes})
_INT = frozenset({int})


def build_set(items: list[Any]) -> set[Any]:
    """Return the set of `items`. Raises BrokenValue if they collide or repeat."""
    if _are_harmless(items):
        values = set(items)
    else:
        values = set()
        for part in _parts(items):
            values.update(items[part])
    if len(values) != len(items):
        raise BrokenValue("a set holds an element twice")
    return values


def build_dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return the dictionary of `pairs`. Raises BrokenValue if the keys collide or repeat."""
    return _fill({}, pairs)


def build_ordered_dict(items: list[Any]) -> OrderedDict[Any, Any]:
    """Return the dictionary of key, value, key, value, … Raises BrokenValue as `build_dict`."""
    table: OrderedDict[Any, Any] = OrderedDict()
    _fill(table, list(zip(items[::2], items[1::2], strict=True)))
    return table


def _fill(table: dict[Any, Any], pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    keys = [key for key, _ in pairs]
    parts = [slice(None)] if _are_harmless(keys) else _parts(keys)
    for part in parts:
        for key, value in pairs[part]:
            table[key] = value
    if len(table) != len(pairs):
        raise BrokenValue("a dictionary holds a key twice")
    return table


def _are_harmless(keys: list[Any]) -> bool:
    """Return whether these keys are cheap for any choice of values, by their classes."""
    kinds = PLAIN if len(keys) <= limits.FEW_KEYS else _RANDOMISED
    return kinds.issuperset(map(type, keys))


def _parts(keys: list[Any]) -> Iterator[slice]:
    """Yield slices that cover `keys`, after checking their hashes.

    Raises BrokenValue between two slices when inserting has taken longer than honest keys take.
    """
    slack = limits.KEYS_SLACK_NS
    if not _are_their_hashes(keys):
        begun = thread_time_ns()
        hashes = list(map(hash, keys))
        # A user's class may have a slow hash, which a table computes two or three times.
        slack += 4 * (thread_time_ns() - begun)
        different: set[int] = set()
        for part in _watched(len(keys), slack):
            different.update(hashes[part])
        if len(different) != len(keys):
            _check_collisions(keys, hashes)
    yield from _watched(len(keys), slack)


def _are_their_hashes(keys: list[Any]) -> bool:
    """Return whether all keys are small ints, which have different hashes except -1 and -2."""
    most = sys.hash_info.modulus
    return _INT.issuperset(map(type, keys)) and -most < min(keys) and max(keys) < most


def _watched(count: int, slack: int) -> Iterator[slice]:
    begun = thread_time_ns()
    for start in range(0, count, limits.KEYS_PER_LOOK):
        end = start + limits.KEYS_PER_LOOK
        yield slice(start, end)
        if end < count and thread_time_ns() - begun > slack + end * limits.MAX_NS_PER_KEY:
            raise BrokenValue("the keys of a set or a dictionary are chosen to collide")


def _check_collisions(keys: list[Any], hashes: list[int]) -> None:
    """Refuse keys whose comparisons would cost much more than their size.

    Unlike a table, sorting cannot be slowed down by the choice of the hashes.
    """
    allowed, work = len(keys), 0
    for _, group in groupby(sorted(range(len(keys)), key=hashes.__getitem__), hashes.__getitem__):
        places = list(group)
        if len(places) > 1:
            weights = [_weigh(keys[place]) for place in places]
            allowed += sum(size for size, _ in weights)
            work += len(places) * sum(cost for _, cost in weights) // 2
    if work > limits.MAX_COMPARISONS_PER_KEY * allowed:
        raise BrokenValue("the keys of a set or a dictionary are chosen to collide")


def _weigh(key: Any) -> tuple[int, int]:
    """Return the number of items in `key`, and the maximum steps of a comparison."""
    kind = type(key)
    if kind is int:
        bits = key.bit_length()
        return 1 + bits // 64, 1 + (bits // limits.LONG_INT_BITS) ** 2
    spread = None if kind in PLAIN else spreader(kind)
    if spread is None:
        return 1, 1
    items = [item for group in spread([key]) for item in group]
    weights = [_weigh(item) for item in items]
    size = 1 + sum(size for size, _ in weights)
    if kind is not frozenset:
        return size, 1 + sum(cost for _, cost in weights)
    # Each element is looked up in the other set, and compared with all elements of equal hash.
    cost = 1
    hashed = sorted((hash(item), weight[1]) for item, weight in zip(items, weights, strict=True))
    for _, group in groupby(hashed, lambda pair: pair[0]):
        costs = [weight for _, weight in group]
        cost += len(costs) * sum(costs)
    return size, cost


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.SET: build_set,
    Code.FROZENSET: lambda items: frozenset(build_set(items)),
    Code.ORDERED_DICT: build_ordered_dict,
}
