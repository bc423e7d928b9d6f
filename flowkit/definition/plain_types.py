"""The annotations of a task's function as sets of classes, as far as they are plain.

An annotation is plain if it says which classes a value may have: a class, a union of classes, an
alias such as ``list[int]`` (of which only ``list`` counts), a ``Literal``, ``None``. Anything else
is unknown: Any, object, a Protocol, an abstract class, a type variable, a NewType, a class with a
metaclass of its own, a name that cannot be resolved. Annotations of decorated functions are unknown
as a whole: the decorator may change what they say.

Two plain annotations contradict each other only if no value can have both types (``apart``).
"""

from __future__ import annotations

import inspect
from abc import ABCMeta
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import EnumType
from types import FunctionType, NoneType, SimpleNamespace, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

Classes = frozenset[type]
_METACLASSES = (type, ABCMeta, EnumType)
# A parameter of one of these takes what has one of these methods, as type checkers mostly allow.
_CONVERTED_BY = {
    int: ("__index__",),
    float: ("__float__", "__index__"),
    complex: ("__complex__", "__float__", "__index__"),
    bytes: ("__buffer__",),
}
_BUFFERS = (bytes, bytearray, memoryview)


@dataclass(frozen=True, slots=True)
class PlainTypes:
    """The plain annotations of one function. None is an unknown one.

    ``parameters``: of the positional parameters. ``rest``: of ``*args``. ``names``: of the
    parameters. ``texts``: the annotations as the source has them, by name. ``warned``: what was
    logged about this function. ``elements``: of the result's elements, if it is a list, tuple,
    range or dict.
    """

    parameters: tuple[Classes | None, ...] = ()
    rest: Classes | None = None
    result: Classes | None = None
    texts: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    warned: set[tuple[str, int]] = field(default_factory=set)
    elements: Classes | None = None

    def parameter(self, at: int) -> Classes | None:
        """Return the classes of the parameter that gets the upstream result number ``at``."""
        return self.parameters[at] if at < len(self.parameters) else self.rest

    def text_of(self, at: int) -> str:
        """Return that parameter with its annotation: ``text: str``."""
        name = self.names[min(at, len(self.names) - 1)]
        return f"{name}: {self.texts[name.lstrip('*')]}"


NOTHING_PLAIN = PlainTypes()


def plain_types(func: Callable[..., Any]) -> PlainTypes:
    """Return the plain annotations of a function. Evaluates annotations that are strings."""
    if type(func) is not FunctionType or hasattr(func, "__wrapped__"):
        return NOTHING_PLAIN
    given = _annotations_of(func)
    if not given:
        return NOTHING_PLAIN
    code = func.__code__
    positional = code.co_varnames[: code.co_argcount]
    has_rest = bool(code.co_flags & inspect.CO_VARARGS)
    rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount] if has_rest else ""
    hints = _resolved(func, given)
    classes = {name: classes_of(hint) for name, hint in hints.items()}
    for name, default in _defaults(func, positional).items():
        if default is None and classes.get(name) is not None:
            classes[name] = (classes[name] or frozenset()) | {NoneType}
    return PlainTypes(
        tuple(classes.get(name) for name in positional),
        classes.get(rest) if rest else None,
        classes.get("return"),
        {name: _text(annotation) for name, annotation in given.items()},
        (*positional, f"*{rest}") if rest else positional,
        elements=elements_of(hints.get("return")),
    )


def elements_of(annotation: Any) -> Classes | None:
    """Return the classes of what a task gets that is mapped over such a result, None if unknown."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return elements_of(args[0])
    if annotation is range:
        return frozenset({int})
    if origin is dict:
        return frozenset({tuple})
    if origin not in (list, tuple) or not args:
        return None
    parts = [classes_of(part) for part in args if part is not Ellipsis]
    known = [part for part in parts if part is not None]
    return frozenset().union(*known) if len(known) == len(parts) else None


def classes_of(annotation: object) -> Classes | None:
    """Return the classes that a resolved annotation names, None if it is not plain."""
    if annotation is None or annotation is NoneType:
        return frozenset({NoneType})
    origin = get_origin(annotation)
    if origin is Annotated:
        return classes_of(get_args(annotation)[0])
    if origin is Literal:
        return frozenset(type(value) for value in get_args(annotation))
    if origin is Union or origin is UnionType:
        members: set[type] = set()
        for member in get_args(annotation):
            classes = classes_of(member)
            if classes is None:
                return None
            members |= classes
        return frozenset(members)
    if is_typeddict(origin or annotation):
        return frozenset({dict})
    kind = annotation if origin is None else origin
    return frozenset({kind}) if isinstance(kind, type) and _is_plain(kind) else None


def contradict(result: Classes, parameter: Classes) -> bool:
    """Return whether no value of one annotation fits the other."""
    return all(apart(given, taken) for given in result for taken in parameter)


def apart(given: type, taken: type) -> bool:
    """Return whether no value of the class ``given`` can be meant where ``taken`` is asked for."""
    try:
        if issubclass(given, taken) or issubclass(taken, given):
            return False
    except TypeError:
        return False
    if any(hasattr(given, method) for method in _CONVERTED_BY.get(taken, ())):
        return False
    if given in _BUFFERS and taken in _BUFFERS:
        return False
    return not (_subclasses(given) & _subclasses(taken))


def _is_plain(kind: type) -> bool:
    return (
        kind is not object
        and type(kind) in _METACLASSES
        and Any not in kind.__mro__
        and not getattr(kind, "_is_protocol", False)
        and not inspect.isabstract(kind)
    )


def _subclasses(kind: type) -> set[type]:
    """Return all subclasses there are now. A class of both kinds makes a value of both possible."""
    result: set[type] = set()
    walk = [kind]
    for item in walk:  # grows while it is walked
        subclasses: list[type] = type.__subclasses__(item)
        fresh = [sub for sub in subclasses if sub not in result]
        result.update(fresh)
        walk += fresh
    return result


def _annotations_of(func: FunctionType) -> dict[str, Any]:
    with suppress(Exception):  # later versions of Python evaluate them here
        return dict(func.__annotations__)
    return {}


def _resolved(func: FunctionType, given: dict[str, Any]) -> dict[str, Any]:
    """Return the annotations without strings in them; those that cannot be resolved are left out.

    A user's annotation may raise anything.
    """
    with suppress(Exception):
        return get_type_hints(func, include_extras=True)
    hints: dict[str, Any] = {}
    for name, annotation in given.items():
        with suppress(Exception):
            alone = SimpleNamespace(__annotations__={name: annotation})
            hints.update(get_type_hints(alone, func.__globals__, include_extras=True))
    return hints


def _defaults(func: FunctionType, positional: tuple[str, ...]) -> dict[str, Any]:
    defaults = func.__defaults__ or ()
    return dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))


def _text(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return text.replace("typing.", "")
