"""Sets and dictionaries of keys that an attacker may have chosen.

Python randomises the hashes of text and bytes. The hash of anything else (numbers, tuples, dates
with a zone, frozensets) follows from its value, so the writer of the bytes can choose it. Three
attacks make building a table quadratic or worse, and each has its guard:

- *Many keys with one hash* (multiples of 2**61-1): each is compared with all others. The
  comparisons are counted before the table is built; `MAX_COMPARISONS_PER_KEY` bounds them.
- *Few keys whose comparison is expensive*: frozensets that nest colliding frozensets (4**depth
  comparisons), a Decimal and a long integer (a quadratic conversion). The same count weighs them.
- *Keys with different hashes that visit the same slots*. Which slots CPython visits depends on its
  release, so the guard is the processor time of the thread: a table that takes ten times what
  an honest one takes is refused. Waiting for a busy machine is not processor time.

Refused besides: a table that holds a key twice, and keys that cannot be hashed. Tables of text and
bytes pass at the price of one look at the classes of their keys.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import groupby
from time import thread_time_ns
from typing import Any

from flowkit.protocol import limits
from flowkit.protocol.codec_errors import BrokenValue
from flowkit.protocol.codec_survey import PLAIN, spreader
from flowkit.protocol.codec_wire import Code

_RANDOMISED = frozenset({str, bytes})
_INT = frozenset({int})


def build_set(items: list[Any]) -> set[Any]:
    """Return the set of `items`; raises BrokenValue if they collide or repeat."""
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
    """Return the dictionary of `pairs`; raises BrokenValue if the keys collide or repeat."""
    return _fill({}, pairs)


def build_ordered_dict(items: list[Any]) -> OrderedDict[Any, Any]:
    """Return the dictionary of key, value, key, value, …; raises BrokenValue as `build_dict`."""
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
    """Tell at a glance that no choice of these keys can cost much."""
    kinds = PLAIN if len(keys) <= limits.FEW_KEYS else _RANDOMISED
    return kinds.issuperset(map(type, keys))


def _parts(keys: list[Any]) -> Iterator[slice]:
    """Yield slices that cover `keys`, once their hashes are known to be honest.

    Raises BrokenValue between two slices when inserting has taken more than keys can honestly take.
    """
    slack = limits.KEYS_SLACK_NS
    if not _are_their_hashes(keys):
        begun = thread_time_ns()
        hashes = list(map(hash, keys))
        # A class of the user may have a slow hash of its own; a table takes it two or three times.
        slack += 4 * (thread_time_ns() - begun)
        different: set[int] = set()
        for part in _watched(len(keys), slack):
            different.update(hashes[part])
        if len(different) != len(keys):
            _check_collisions(keys, hashes)
    yield from _watched(len(keys), slack)


def _are_their_hashes(keys: list[Any]) -> bool:
    """Tell whether all keys are ints so small that no two of them but -1 and -2 share a hash."""
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
    """Refuse keys whose comparisons would cost more than their size explains.

    Sorting, unlike another table, cannot be slowed down by the choice of the hashes.
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
    """Return how many items `key` consists of, and how many steps a comparison takes at most."""
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
    # Each element is looked up in the other set, and compared with all that have its hash there.
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
