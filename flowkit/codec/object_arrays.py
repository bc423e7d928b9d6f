"""Codecs of numpy arrays of Python objects, and of structured arrays.

The items of an object array are values of the typed codec, so that each can be anything that can be
stored on its own. A column of text, of bytes or of dates is stored as a column of Arrow if pyarrow
is installed, which is several times faster.

A structured array is stored as one array for each of its fields, so that the bytes between the
fields, which have no meaning, are neither stored nor compared.
"""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from . import limits
from .arrays import dtype_name, encode_plain, encode_scalar, is_dtype_name, is_shape
from .arrow_stream import arrow_item, read_array
from .errors import BrokenValue, Unfit
from .libraries import loaded, needed, pyarrow
from .wire import HEADS, Code

_MAX_NESTING = 8  # of structured dtypes
_FEW_ITEMS = 64  # so few items are shorter as a list


# -- objects --------------------------------------------------------------------------------------


def encode_objects(value: Any) -> object:
    """Encode an array of dtype object."""
    if value.ndim == 1 and value.size > _FEW_ITEMS:
        stream = _arrow_items(value)
        if stream is not None:
            return stream
    if not is_shape(value.shape):
        raise Unfit("is empty and has a huge shape, which cannot be stored. Return a list.")
    return [HEADS[Code.OBJECTS], list(value.shape), *value.ravel().tolist()]


def _arrow_items(value: Any) -> object | None:
    pa = pyarrow()
    if pa is None:
        return None
    items = value.tolist()
    kinds = set(map(type, items))
    missing = kinds - {str, bytes, dt.date}
    if missing == {float} and _are_nan(items):
        kind = "NaN"
    elif missing <= {type(None)}:
        kind = "None"
    else:
        return None
    kinds -= missing
    types = {str: pa.large_string(), bytes: pa.large_binary(), dt.date: pa.date32()}
    if len(kinds) != 1:
        return None
    try:
        array = pa.array(items, types[kinds.pop()], from_pandas=kind == "NaN")
    except (pa.ArrowException, UnicodeError):  # a lone surrogate
        return None
    return [HEADS[Code.ARROW_OBJECTS], kind, arrow_item(pa, array)]


def _are_nan(items: list[Any]) -> bool:
    return all(item != item for item in items if type(item) is float)


def decode_objects(items: list[Any]) -> object:
    """Decode an array whose items are values."""
    np = needed("numpy")
    shape, *values = items
    if type(shape) is not list or not is_shape(tuple(shape)):
        raise BrokenValue("an array of objects of an impossible shape")
    if math.prod(shape) != len(values):
        raise BrokenValue(f"{len(values)} items for an array of the shape {shape}")
    array = np.empty(len(values), dtype=object)
    if any(map(_may_be_sequence, set(map(type, values)))):  # numpy would take it apart
        for place, item in enumerate(values):
            array[place] = item
    else:
        array[:] = values
    return array.reshape(shape)


def _may_be_sequence(kind: type) -> bool:
    return kind not in (str, bytes, int, float, bool, type(None), dt.date, dt.datetime)


def decode_arrow_objects(items: list[Any]) -> object:
    """Decode an array of text, of bytes or of dates, or of nothing where one is missing."""
    np, pa = needed("numpy"), needed("pyarrow")
    kind, data = items
    column = read_array(data)
    types = (pa.large_string(), pa.large_binary(), pa.date32())
    if kind not in ("None", "NaN") or column.type not in types:
        raise BrokenValue("an array of objects of an unknown kind")
    array = column.to_numpy()
    if column.type == pa.date32():
        array = array.astype("M8[D]").astype(object)  # NaT becomes None
    array = array if array.flags.writeable else array.copy()
    if kind == "NaN":
        array[np.asarray(column.is_null())] = np.nan
    return array


# -- structured arrays ----------------------------------------------------------------------------


def encode_structured(value: Any) -> object:
    """Encode an array with fields."""
    if not is_shape(value.shape):
        raise Unfit("is empty and has a huge shape, which cannot be stored. Return a list.")
    layout = _layout(value.dtype)
    return [HEADS[Code.STRUCTURED], layout, list(value.shape), *_fields(value)]


def _fields(value: Any) -> list[Any]:
    return [value[name] for name in value.dtype.names]


def _layout(dtype: Any) -> list[Any]:
    """Return the layout of a dtype. Raises Unfit, naming the field."""
    fields: list[Any] = [dtype.itemsize, dtype.isalignedstruct]
    for name in dtype.names:
        inner, offset, *title = dtype.fields[name]
        base, shape = inner.subdtype or (inner, ())
        if title:
            raise Unfit(
                f"has a title for the field {name!r}, which would be lost. Make its dtype without "
                "titles.",
                f"[{name!r}]",
            )
        try:
            described = _layout(base) if base.fields is not None else dtype_name(base)
        except Unfit as unfit:
            raise Unfit(unfit.reason, f"[{name!r}]{unfit.suffix}") from None
        fields.append([name, offset, list(shape), described])
    if _overlap(dtype):
        raise Unfit("has fields that share bytes. Return value.tolist().")
    return fields


def _overlap(dtype: Any) -> bool:
    places = sorted((dtype.fields[name][1], dtype.fields[name][0].itemsize) for name in dtype.names)
    return any(at + size > after for (at, size), (after, _) in pairwise(places))


def decode_structured(items: list[Any]) -> object:
    """Decode an array with fields."""
    np = needed("numpy")
    layout, shape, *fields = items
    if type(shape) is not list or not is_shape(tuple(shape)):
        raise BrokenValue("a structured array of an impossible shape")
    dtype = _dtype(np, layout, 0)
    if len(fields) != len(dtype.names):
        raise BrokenValue(f"{len(fields)} fields for {len(dtype.names)} names")
    size = sum(field.nbytes for field in fields if type(field) is np.ndarray)
    # Bytes between the fields are not stored, and there may be few.
    if dtype.itemsize * math.prod(shape) > limits.MAX_PADDING * (size + 1024):
        raise BrokenValue("a structured array of more bytes than its fields have")
    array = np.zeros(shape, dtype)
    for name, field in zip(dtype.names, fields, strict=True):
        wanted = array[name]
        if type(field) is not np.ndarray or (field.dtype, field.shape) != (
            wanted.dtype,
            wanted.shape,
        ):
            raise BrokenValue(f"the field {name!r} of a structured array has another form")
        array[name] = field
    return array


def _dtype(np: Any, layout: Any, depth: int) -> Any:
    if type(layout) is not list or len(layout) < 3 or depth > _MAX_NESTING:
        raise BrokenValue("a structured array of an unknown layout")
    itemsize, aligned, *fields = layout
    if type(itemsize) is not int or type(aligned) is not bool:
        raise BrokenValue("a structured array of an unknown layout")
    table: dict[str, list[Any]] = {"names": [], "formats": [], "offsets": []}
    for name, offset, shape, described in fields:
        if type(name) is not str or type(offset) is not int or type(shape) is not list:
            raise BrokenValue("a structured array of an unknown layout")
        if type(described) is list:
            base = _dtype(np, described, depth + 1)
        elif type(described) is str and is_dtype_name(described):
            base = np.dtype(described)
        else:
            raise BrokenValue("a structured array with a field of an unknown dtype")
        if not is_shape(tuple(shape)) or base.itemsize * math.prod(shape) > sys.maxsize // 2:
            raise BrokenValue("a structured array with a field of an impossible shape")
        table["names"].append(name)
        table["formats"].append((base, tuple(shape)) if shape else base)
        table["offsets"].append(offset)
    dtype = np.dtype({**table, "itemsize": itemsize}, align=aligned)
    if _overlap(dtype):
        raise BrokenValue("a structured array with fields that share bytes")
    return dtype


def _encode_array(value: Any) -> object:
    if value.dtype.kind == "O":
        return encode_objects(value)
    return encode_plain(value) if value.dtype.fields is None else encode_structured(value)


def encoder_for(kind: type) -> Callable[[Any], object] | None:
    """Return the encoder of a class that numpy defines, if it has one."""
    np = loaded("numpy")
    if kind is np.ndarray:
        return _encode_array
    # Only scalars of numpy itself: a user's subclass would become its base.
    if issubclass(kind, np.generic) and not issubclass(kind, np.void | np.object_):
        return encode_scalar
    return None


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.OBJECTS: decode_objects,
    Code.ARROW_OBJECTS: decode_arrow_objects,
    Code.STRUCTURED: decode_structured,
}
