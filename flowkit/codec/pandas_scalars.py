"""Codecs of the scalars of pandas: moments, spans of time, periods, intervals, missing values.

They are what the cells of an object column hold, and what one gets by indexing a table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .builtins import zone_items, zone_of
from .errors import BrokenValue, Unfit
from .libraries import loaded, needed
from .pandas_labels import CLOSED, is_frequency
from .wire import HEADS, Code

_UNITS = ("s", "ms", "us", "ns")


def _encode_timestamp(stamp: Any) -> object:
    return [HEADS[Code.TIMESTAMP], *_count_and_unit(stamp), *zone_items(stamp.tzinfo)]


def _decode_timestamp(items: list[Any]) -> object:
    np, pd = needed("numpy"), needed("pandas")
    count, unit, *zone = items
    if type(count) is not int or unit not in _UNITS:
        raise BrokenValue("a timestamp does not count in a known unit")
    stamp = pd.Timestamp(np.datetime64(count, unit))
    if stamp is pd.NaT:
        raise BrokenValue("a timestamp that is not a time")
    return stamp.tz_localize("UTC").tz_convert(zone_of(zone)) if zone else stamp


def _encode_timedelta(span: Any) -> object:
    return [HEADS[Code.PANDAS_SCALAR], "Timedelta", *_count_and_unit(span)]


def _count_and_unit(time: Any) -> tuple[int, str]:
    """Return the number in a Timestamp (in UTC if it has a zone) or a Timedelta, and its unit."""
    np = loaded("numpy")
    return int(time.asm8.astype(np.int64)), np.datetime_data(time.asm8.dtype)[0]


def _encode_period(period: Any) -> object:
    frequency = period.freqstr
    if not is_frequency(frequency):
        raise Unfit(f"has the frequency {frequency}, which cannot be stored. Return str(value).")
    return [HEADS[Code.PANDAS_SCALAR], "Period", period.ordinal, frequency]


def _encode_interval(interval: Any) -> object:
    head = HEADS[Code.PANDAS_SCALAR]
    return [head, "Interval", interval.left, interval.right, interval.closed]


def _encode_missing(value: Any) -> object:
    return [HEADS[Code.PANDAS_SCALAR], "NA" if value is loaded("pandas").NA else "NaT"]


def _decode_scalar(items: list[Any]) -> object:
    pd = needed("pandas")
    match items:
        case ["NA"]:
            return pd.NA
        case ["NaT"]:
            return pd.NaT
        case ["Timedelta", int(count), str(unit)] if unit in _UNITS:
            span = pd.Timedelta(needed("numpy").timedelta64(count, unit))
            if span is not pd.NaT:
                return span
        case ["Period", int(ordinal), frequency] if is_frequency(frequency):
            return pd.Period(ordinal=ordinal, freq=frequency)
        case ["Interval", left, right, str(closed)] if closed in CLOSED:
            return pd.Interval(left, right, closed)
    raise BrokenValue("a scalar of pandas of an unknown form")


def encoder_for(kind: type) -> Callable[[Any], object] | None:
    """Return the encoder of a scalar class that pandas defines, if it has one."""
    pd = loaded("pandas")
    encoders = {
        pd.Timestamp: _encode_timestamp,
        pd.Timedelta: _encode_timedelta,
        pd.Period: _encode_period,
        pd.Interval: _encode_interval,
        type(pd.NA): _encode_missing,
        type(pd.NaT): _encode_missing,
    }
    return encoders.get(kind)


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.TIMESTAMP: _decode_timestamp,
    Code.PANDAS_SCALAR: _decode_scalar,
}
