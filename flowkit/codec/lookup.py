"""Lookup of the class that a value names, without running any code.

It only uses loaded modules, and reads their dictionaries instead of getting attributes: the
`__getattr__` of a lazy module could import, and a metaclass could run any code. Each step reads one
dictionary.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

from .errors import BrokenValue
from .limits import MAX_CLASS_NAME

# The dictionaries themselves, bypassing hooks of lazy modules and metaclasses.
_module_names: Callable[[ModuleType], dict[str, Any]] = vars(ModuleType)["__dict__"].__get__
_class_names: Callable[[type], Mapping[str, Any]] = vars(type)["__dict__"].__get__
_bases: Callable[[type], tuple[type, ...]] = vars(type)["__mro__"].__get__


class ClassNotLoaded(BrokenValue):
    """The class that a value names is not among the loaded modules."""


def find_class(label: str) -> type:
    """Return the loaded class with the name "module:qualname". Never imports anything.

    Raises:
        BrokenValue: the name is not text, or is too long.
        ClassNotLoaded: no loaded module has it.
    """
    if type(label) is not str or len(label) > MAX_CLASS_NAME:
        raise BrokenValue(f"the name of a class is not text of at most {MAX_CLASS_NAME} characters")
    module_name, _, qualname = label.partition(":")
    module = sys.modules.get(module_name)
    names: Mapping[str, Any] = {}
    if issubclass(type(module), ModuleType):  # isinstance would get its __class__
        names = _module_names(cast(ModuleType, module))
    kind: object = None
    for name in qualname.split("."):
        kind = names.get(name)
        if not issubclass(type(kind), type):
            break
        names = _class_names(cast(type, kind))
    if not issubclass(type(kind), type):
        raise ClassNotLoaded(
            f"the class {label!r} is not loaded in this process; define it in a module that "
            "every process of the app imports"
        )
    return cast(type, kind)


def declared(kind: type, name: str) -> object:
    """Return the attribute `name` of a class or its bases, bypassing hooks; None if missing."""
    return next((names[name] for names in map(_class_names, _bases(kind)) if name in names), None)
