"""Looking up the class that a value names, without running anything.

Only modules that are loaded are asked, and they are not asked but read: a lazy module's
`__getattr__` would import, a metaclass could do anything. Each step reads one dictionary.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

from flowkit.protocol.codec_errors import BrokenValue
from flowkit.protocol.limits import MAX_CLASS_NAME

# The dictionaries themselves, past every hook: lazy modules and metaclasses would run code.
_module_names: Callable[[ModuleType], dict[str, Any]] = vars(ModuleType)["__dict__"].__get__
_class_names: Callable[[type], Mapping[str, Any]] = vars(type)["__dict__"].__get__
_bases: Callable[[type], tuple[type, ...]] = vars(type)["__mro__"].__get__


class ClassNotLoaded(BrokenValue):
    """The class that a value names is not among the loaded modules."""


def find_class(label: str) -> type:
    """Return the loaded class that "module:qualname" names; never imports anything.

    Raises:
        BrokenValue: the name is no text, or too long.
        ClassNotLoaded: no loaded module has it.
    """
    if type(label) is not str or len(label) > MAX_CLASS_NAME:
        raise BrokenValue(f"a class is not named by text of at most {MAX_CLASS_NAME} characters")
    module_name, _, qualname = label.partition(":")
    module = sys.modules.get(module_name)
    names: Mapping[str, Any] = {}
    if issubclass(type(module), ModuleType):  # isinstance would ask the object for its __class__
        names = _module_names(cast(ModuleType, module))
    found: object = None
    for name in qualname.split("."):
        found = names.get(name)
        if not issubclass(type(found), type):
            break
        names = _class_names(cast(type, found))
    if not issubclass(type(found), type):
        raise ClassNotLoaded(
            f"the class {label!r} is not loaded in this process; define it in a module that "
            "every process of the app imports"
        )
    return cast(type, found)


def declared(kind: type, name: str) -> object:
    """Return what a class or a base of it declares under `name`, past every hook; or None."""
    return next((names[name] for names in map(_class_names, _bases(kind)) if name in names), None)
