"""Codecs of user-defined classes: enums, dataclasses, named tuples.

The bytes contain the *name* of a class, never code. A name is looked up only in modules that this
process has already loaded, through plain dictionaries: no import and no attribute hook runs. The
class must be of the kind that the extension code says. A class whose fields have changed is
refused. When packing, a class must be found under its own name.

The writer of the bytes can choose any loaded enum, dataclass or named tuple and the values of its
fields. This code of such a class runs:

- dataclass: `__set__` of a field that is a data descriptor or a property, and `__get__`,
  `__getattribute__` or `__getattr__` when the rebuilt value is checked. Neither `__new__`,
  `__init__`, `__post_init__`, `__setattr__` nor `__setstate__` runs.
- named tuple: nothing; `__new__` does not run.
- enum: nothing for a member; for a combination of flags, `__or__` and `_missing_`.
- as a key of a dictionary or an element of a set: `__hash__` and `__eq__`.
- `__hash__` and attribute hooks of its metaclass, without values from the bytes.

Classes with a `__del__` are refused in both directions: it would run with fields that no
constructor has checked.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from enum import Enum, EnumMeta, Flag
from functools import cached_property, reduce
from typing import Any, cast

from .errors import BrokenValue, Unfit
from .lookup import ClassNotLoaded, declared, find_class
from .wire import HEADS, Code, cached_by_class


class UnknownRecord(dict[str, Any]):
    """The fields of a dataclass or named tuple whose class is not loaded (lenient unpacking).

    Hashable by identity, since such a record may be a key or an element of a set.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]


@cached_by_class
def class_label(kind: type) -> str:
    """Return the name under which `find_class` finds this class. Raises Unfit if there is none."""
    label = f"{kind.__module__}:{kind.__qualname__}"
    try:
        loaded = find_class(label)
    except ClassNotLoaded:
        loaded = object
    if loaded is not kind:
        raise Unfit(
            f"cannot be stored: no class is found as {label!r}, so it could not be rebuilt. "
            "Define the class at the top level of a module, under its own name."
        )
    return label


def is_named_tuple(kind: type) -> bool:
    """Tell whether a class is a named tuple (typing.NamedTuple or collections.namedtuple)."""
    fields = declared(kind, "_fields")
    return (
        issubclass(kind, tuple)
        and isinstance(fields, tuple)
        and all(isinstance(name, str) for name in fields)
    )


def is_dataclass_type(kind: type) -> bool:
    """Tell whether a class is, or inherits from, a dataclass."""
    return declared(kind, "__dataclass_fields__") is not None


@cached_by_class
def field_names(kind: type) -> tuple[str, ...]:
    """Return a dataclass's field names in order."""
    return tuple(field.name for field in dataclasses.fields(kind))


@cached_by_class
def _check_rebuildable(kind: type) -> None:
    """Refuse classes with state outside their fields, and classes with finalizers."""
    _check_no_finalizer(kind)
    try:
        object.__new__(kind)
    except TypeError:
        raise Unfit(
            "cannot be stored: it inherits from a class that has its own value. "
            "Return a dataclass whose fields hold everything."
        ) from None
    slots = {
        name for base in kind.__mro__ for name in _slot_names(base.__dict__.get("__slots__", ()))
    }
    hidden = sorted(slots - set(field_names(kind)) - {"__dict__", "__weakref__"})
    if hidden:
        raise Unfit(
            f"cannot be stored: its slot {hidden[0]!r} is not a field and would be lost. "
            "Declare it as a field, or return plain data."
        )


@cached_by_class
def _check_no_finalizer(kind: type) -> None:
    if declared(kind, "__del__") is not None:
        raise Unfit(
            "cannot be stored: its __del__ would also run for each copy. Return plain data, or a "
            "dataclass without __del__."
        )


def _slot_names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _check_no_extras(value: object, fields: tuple[str, ...]) -> None:
    for name in getattr(value, "__dict__", ()):
        # A cached property is no state, since it is recomputed. typing sets __orig_class__.
        if name in fields or name == "__orig_class__":
            continue
        if not isinstance(getattr(type(value), name, None), cached_property):
            raise Unfit(
                f"cannot be stored: its attribute {name!r} is not a field and would be lost. "
                "Declare it as a field, or return plain data."
            )


def encode_dataclass(value: object) -> object:
    """Encode a dataclass instance as its class and its fields by name."""
    kind = type(value)
    label = class_label(kind)
    _check_rebuildable(kind)
    fields = field_names(kind)
    _check_no_extras(value, fields)
    items: list[object] = [HEADS[Code.DATACLASS], label]
    for name in fields:
        try:
            items += (name, getattr(value, name))
        except AttributeError:
            raise Unfit(
                f"cannot be stored: its field {name!r} is not set. Set it, if necessary to None."
            ) from None
    return items


def encode_named_tuple(value: Any) -> object:
    """Encode a named tuple as its class and its fields by name."""
    kind = type(value)
    items: list[object] = [HEADS[Code.NAMED_TUPLE], class_label(kind)]
    _check_no_finalizer(kind)
    _check_no_extras(value, ())
    if len(kind._fields) != len(value):
        raise Unfit("cannot be stored: it does not hold one item per field. Return a plain tuple.")
    for pair in zip(kind._fields, value, strict=True):
        items += pair
    return items


def encode_enum(value: Enum) -> object:
    """Encode a member by its name, a combination of flags by the names of its members."""
    kind = type(value)
    items: list[object] = [HEADS[Code.ENUM], class_label(kind)]
    # _name_: a member may be called "name".
    if kind.__members__.get(value._name_) is value:
        return [*items, value._name_]
    if isinstance(value, Flag):
        members = list(value)
        if _combine(kind, members) == value:
            return [*items, *(member._name_ for member in members)]
    raise Unfit("cannot be stored: it is not a member of its enum. Return its value.")


def _combine(kind: Any, members: list[Any]) -> object:
    return reduce(operator.or_, members) if members else kind(0)


def _record_items(items: list[Any]) -> tuple[str, tuple[str, ...], list[Any]]:
    label, names, values = items[0], tuple(items[1::2]), items[2::2]
    if not (type(label) is str and all(type(name) is str for name in names)):
        raise BrokenValue("the name of a class or a field is not text")
    if len(names) != len(values) or len(set(names)) != len(names):
        raise BrokenValue(f"the fields of {label!r} are incomplete or doubled")
    return label, names, values


def _check_fields(label: str, stored: tuple[str, ...], declared: tuple[str, ...]) -> None:
    if stored == declared:
        return
    missing = sorted(set(declared) - set(stored))
    surplus = sorted(set(stored) - set(declared))
    if missing or surplus:
        faults = [f"it now has {name!r}" for name in missing]
        faults += [f"it no longer has {name!r}" for name in surplus]
        raise BrokenValue(
            f"the class {label!r} has changed since the value was stored: {', '.join(faults)}; "
            "compute the value again, or restore the old fields"
        )


def decode_dataclass(items: list[Any]) -> object:
    """Rebuild a dataclass instance without running any of its constructors."""
    label, names, values = _record_items(items)
    kind = find_class(label)
    if not is_dataclass_type(kind) or issubclass(kind, Enum):
        raise BrokenValue(f"the class {label!r} is not a dataclass")
    _check_rebuildable(kind)
    _check_fields(label, names, field_names(kind))
    value: object = object.__new__(kind)
    for name, item in zip(names, values, strict=True):
        object.__setattr__(value, name, item)
    return value


def decode_named_tuple(items: list[Any]) -> object:
    """Rebuild a named tuple without running its `__new__`."""
    label, names, values = _record_items(items)
    kind: Any = find_class(label)
    if not is_named_tuple(kind) or issubclass(kind, Enum):
        raise BrokenValue(f"the class {label!r} is not a named tuple")
    _check_no_finalizer(kind)
    fields: tuple[str, ...] = kind._fields
    _check_fields(label, names, fields)
    by_name = dict(zip(names, values, strict=True))
    return cast(object, tuple.__new__(kind, [by_name[name] for name in fields]))


def decode_enum(items: list[Any]) -> object:
    """Return the enum member or the combination of flags with these names."""
    label, *names = items
    kind: Any = find_class(label)
    if not issubclass(type(kind), EnumMeta):
        raise BrokenValue(f"the class {label!r} is not an Enum")
    most = len(kind.__members__) if issubclass(kind, Flag) else 1
    if len(names) > most or not (names or issubclass(kind, Flag)):
        raise BrokenValue(f"{len(names)} member names for {label!r}, which takes {most} at most")
    for name in names:
        if type(name) is not str or name not in kind.__members__:
            raise BrokenValue(
                f"the enum {label!r} no longer has a member {name!r}; "
                "compute the value again, or restore the member"
            )
    return _combine(kind, [kind.__members__[name] for name in names])


def lenient(decode: Callable[[list[Any]], object]) -> Callable[[list[Any]], object]:
    """Wrap a class decoder so that values of unknown classes become plain data for display."""

    def decode_leniently(items: list[Any]) -> object:
        try:
            return decode(items)
        except ClassNotLoaded:
            if decode is decode_enum:
                label, *members = items
                if not all(type(member) is str for member in members):
                    raise BrokenValue("the name of an enum member is not text") from None
                return f"{label.rpartition(':')[2]}.{'|'.join(map(str, members)) or '0'}"
            _, names, values = _record_items(items)
            return UnknownRecord(zip(names, values, strict=True))

    return decode_leniently


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.ENUM: decode_enum,
    Code.DATACLASS: decode_dataclass,
    Code.NAMED_TUPLE: decode_named_tuple,
}
