"""Codecs of numpy arrays and scalars, for dtypes that mean the same on every machine.

numpy is only imported if it is used: the encoders only get values of numpy classes, and the
decoders only bytes with such a value. Arrays of Python objects and of structures are handled in
object_arrays.py. Refused: long doubles (their format depends on the machine), and subclasses such
as masked arrays.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from typing import Any

from . import limits
from .advice import dtype_advice
from .bulk import MIN_BYTES, bulk
from .errors import BrokenValue, Unfit
from .libraries import is_portable
from .wire import HEADS, Code

# No text of length zero: numpy would create items of one character without any bytes.
_DTYPE = re.compile(
    r"[<>|](?:b1|[iu][1248]|f[248]|c(?:8|16)|[SU][1-9][0-9]{0,9}"
    r"|[mM]8(?:\[(?:[1-9][0-9]{0,9})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)"
)

# Bytes from which on an array lies apart, which spares the reader a copy. Smaller ones stay in the
# form that the release before reads.
_LARGE = 1024 * 1024


def is_dtype_name(name: str) -> bool:
    """Return whether a text is the name of a dtype that can be stored."""
    return _DTYPE.fullmatch(name) is not None


def dtype_name(dtype: Any) -> str:
    """Return the portable name of a numpy dtype. Raises Unfit if it has none."""
    name = str(dtype.str)
    if dtype.fields is not None or dtype.subdtype is not None or not _DTYPE.fullmatch(name):
        raise Unfit(f"of dtype {dtype} cannot be stored. {dtype_advice(dtype)}")
    return name


def encode_plain(value: Any) -> object:
    """Encode an array of a dtype with a portable name. Raises Unfit."""
    fortran = value.flags.f_contiguous and not value.flags.c_contiguous
    order = "F" if fortran else "C"
    if not is_shape(value.shape):
        raise Unfit(
            f"is empty and has the shape {value.shape}, which cannot be stored. Return an array "
            "without the dimensions of length zero."
        )
    name = dtype_name(value.dtype)
    return [HEADS[Code.ARRAY], name, order, _bytes_of(value, order), *value.shape]


def _bytes_of(value: Any, order: Any) -> object:
    if value.nbytes < MIN_BYTES or not value.flags.forc:
        return value.tobytes(order)
    # Without a copy: ravel of a contiguous array is a view, and numpy exports no datetimes.
    apart = value.nbytes >= _LARGE and not is_portable()
    return bulk([value.ravel(order).view("u1")], apart=apart)


def _decode_array(items: list[Any]) -> object:
    name, order, data, *shape = items
    return rebuild_array(name, data, tuple(shape), order)


def is_shape(shape: tuple[int, ...]) -> bool:
    """Return whether `shape` has few dimensions and, for an empty array, no huge ones."""
    return (
        len(shape) <= limits.MAX_DIMENSIONS
        and all(type(length) is int and length >= 0 for length in shape)
        and (0 not in shape or math.prod(filter(None, shape)) <= limits.MAX_EMPTY_SHAPE)
    )


def rebuild_array(name: str, data: bytes | memoryview, shape: tuple[int, ...], order: Any) -> Any:
    """Return a writable array with a copy of `data`. The bytes must match the shape exactly."""
    import numpy as np

    if not _DTYPE.fullmatch(name):
        raise BrokenValue(f"{name!r} is not a storable dtype")
    if type(data) not in (bytes, memoryview) or not is_shape(shape):
        raise BrokenValue("an array of an impossible shape, or without bytes")
    dtype = np.dtype(name)
    wanted = dtype.itemsize * math.prod(shape)
    if len(data) != wanted or order not in ("C", "F"):
        raise BrokenValue(f"{len(data)} bytes for an array that takes {wanted}")
    flat = np.ndarray(shape, dtype, data, order=order)
    _check_items(np, flat)
    return flat.copy(order)


def _check_items(np: Any, array: Any) -> None:
    """Refuse bit patterns that numpy does not check and fails on later."""
    kind = array.dtype.kind
    if array.size == 0 or array.dtype.itemsize == 0:
        return
    if kind not in "bU":
        return
    raw = np.frombuffer(array.data if kind == "b" else array.tobytes(), np.uint8)
    if kind == "b" and raw.max() > 1:
        raise BrokenValue("a bool array holds bytes that are neither 0 nor 1")
    if kind == "U" and raw.view(array.dtype.byteorder + "u4").max() > sys.maxunicode:
        raise BrokenValue("a text array holds a character beyond Unicode")


def encode_scalar(value: Any) -> object:
    """Encode a scalar of numpy. Raises Unfit."""
    np = sys.modules["numpy"]
    head = HEADS[Code.ARRAY_SCALAR]
    # numpy strips trailing NULs from text, even in str(); the base class does not.
    if type(value) is np.str_:
        return [head, "U", str.__str__(value)]
    if type(value) is np.bytes_:
        return [head, "S", bytes.__getitem__(value, slice(None))]
    return [head, dtype_name(value.dtype), value.tobytes()]


def _decode_scalar(items: list[Any]) -> object:
    import numpy as np

    name, data = items
    if name == "U" and isinstance(data, str):
        return np.str_(data)
    if name == "S" and isinstance(data, bytes):
        return np.bytes_(data)
    return rebuild_array(name, data, (), "C")[()]


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.ARRAY: _decode_array,
    Code.ARRAY_SCALAR: _decode_scalar,
}
