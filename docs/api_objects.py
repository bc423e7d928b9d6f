"""What the reference documents, as data: objects, signatures, docstrings.

Each name in ``flowkit.__all__``, each public class of the modules in ``WHOLE``, and the names in
``MORE``, which these mention. Each belongs to the module that defines it, so a new export appears
in the reference automatically.

The text must not depend on the version of Python, so nothing is shown as ``inspect`` prints it.
Annotations are those of the source, and a default is shown only if it can be typed.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Sequence
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, is_typeddict

import flowkit

# In the order in which they are shown; a module that does not exist is left out.
MODULES = (
    "flowkit.definition.task",
    "flowkit.definition.options",
    "flowkit.dag",
    "flowkit.parameters.parameter",
    "flowkit.context",
    "flowkit.client.client",
    "flowkit.client.run_handle",
    "flowkit.client.async_client",
    "flowkit.client.async_handle",
    "flowkit.client.purging",
    "flowkit.client.retrying",
    "flowkit.client.status",
    "flowkit.client.activity",
    "flowkit.client.no_leader",
    "flowkit.client.usage",
    "flowkit.client.dead_letters",
    "flowkit.client.task_details",
    "flowkit.client.previews",
    "flowkit.client.log_parts",
    "flowkit.protocol.listings",
    "flowkit.core.run_record",
    "flowkit.core.called_run",
    "flowkit.core.mapped_sequence",
    "flowkit.core.finding",
    "flowkit.core.queue_info",
    "flowkit.core.states",
    "flowkit.core.worker_info",
    "flowkit.state.manager",
    "flowkit.state.store",
    "flowkit.state.redis",
    "flowkit.state.task_cache",
    "flowkit.logging",
    "flowkit.logging.logger",
    "flowkit.basics.log_level",
    "flowkit.settings",
    "flowkit.system",
    "flowkit.testing",
    "flowkit.testing.systems",
    "flowkit.exceptions",
)
WHOLE = {
    "flowkit.client.async_client",
    "flowkit.client.async_handle",
    "flowkit.client.client",
    "flowkit.context",
    "flowkit.exceptions",
    "flowkit.logging",
    "flowkit.logging.logger",
    "flowkit.client.run_handle",
    "flowkit.state.manager",
    "flowkit.state.store",
    "flowkit.client.status",
}
MORE = {
    "flowkit.client.attempt_parts": ("AttemptPart", "EarlierAttempt"),
    "flowkit.client.log_parts": ("LogPart",),
    "flowkit.client.previews": ("Preview",),
    "flowkit.client.run_form": ("RunForm", "FormParameter"),
    "flowkit.client.task_details": ("TaskDetails", "TaskInput"),
    "flowkit.context": ("attempt_scope",),
    "flowkit.core.called_run": ("CalledRun",),
    "flowkit.core.mapped_sequence": ("ItemFailure",),
    "flowkit.core.states": ("RunState", "TaskState"),
    "flowkit.client.dead_letters": ("DeadLetter", "OpenedLetter"),
    "flowkit.client.purging": ("Purge",),
    "flowkit.client.retrying": ("Retried",),
    "flowkit.client.run_changes": ("RunChanges", "RunChange", "Outcome"),
    "flowkit.client.activity": ("SystemActivity",),
    "flowkit.client.scheduler_info": ("SchedulerInfo",),
    "flowkit.client.usage": ("DAGUsage",),
    "flowkit.core.endings": ("Failure",),
    "flowkit.core.explain": ("CauseGroup", "Explanation"),
    "flowkit.core.finding": ("Finding", "Health"),
    "flowkit.core.queue_info": ("QueueInfo", "UnservedFunction"),
    "flowkit.core.worker_info": ("WorkerInfo", "QueueRate"),
    "flowkit.definition.options": ("TaskOptions",),
    "flowkit.parameters.parameter": ("Parameter",),
    "flowkit.protocol.listings": ("DamagedItem", "Listing"),
    "flowkit.core.run_record": ("RunRecord",),
    "flowkit.settings": ("Settings", "load_settings"),
    "flowkit.state.redis": ("RedisStateManager",),
    "flowkit.system": ("LocalSystem",),
    "flowkit.testing": ("run_dag", "DagResult", "TaskResult", "call_task", "FakeClock"),
    "flowkit.testing.systems": ("RunningSystem",),
}
WIDTH = 88
_PARTS_ARE_IN = ("flowkit.definition.", "flowkit.client.")


class Entry(NamedTuple):
    """A documented object. ``about``: its docstring, "" if it has none."""

    name: str
    signature: str
    about: str


# -- what is documented -----------------------------------------------------------------------


def public_objects() -> dict[str, list[Any]]:
    """Return module → its documented functions and classes, in the order of the source."""
    result: dict[str, dict[str, Any]] = {name: {} for name in MODULES if find_spec(name)}
    for name in result:
        module = import_module(name)
        for key in MORE.get(name, ()):
            result[name][key] = getattr(module, key)
        if name in WHOLE:
            result[name].update(_whole(module))
    for key in flowkit.__all__:
        item = getattr(flowkit, key)
        if key != "__version__":
            result.setdefault(item.__module__, {})[key] = item
    return {
        name: sorted(objects.values(), key=_line) for name, objects in result.items() if objects
    }


def _whole(module: types.ModuleType) -> dict[str, Any]:
    """Return the public classes that the module defines, and the functions in its ``__all__``."""
    wanted = getattr(module, "__all__", None)
    return {
        key: item
        for key, item in vars(module).items()
        if not key.startswith("_")
        and getattr(item, "__module__", "") == module.__name__
        and (inspect.isclass(item) or (wanted is not None and key in wanted and callable(item)))
    }


def _line(one: Any) -> int:
    return inspect.getsourcelines(one)[1]


def entries(one: Any) -> list[Entry]:
    """Return an object and, of a class, its public methods and properties."""
    name = one.__name__
    if not inspect.isclass(one):
        return [Entry(name, _call(name, one), _own_doc(one))]
    result = {name: Entry(name, _class_call(one), _class_doc(one))}
    for owner in _parts(one):
        for key, member in vars(owner).items():
            entry = _member(f"{name}.{key}", member)
            if entry is None or key in result or _is_inherited(member, owner):
                continue
            if not key.startswith("_") or (_is_special(key) and entry.about):
                result[key] = entry
    return list(result.values())


def _parts(one: type) -> list[type]:
    """Return a class and its bases that are a part of it, such as ``DAGDefinition`` of ``DAG``."""
    return [
        base for base in one.__mro__ if base is one or base.__module__.startswith(_PARTS_ARE_IN)
    ]


def _is_inherited(member: Any, owner: type) -> bool:
    """Return whether a method comes from the kind of class, such as those of each NamedTuple."""
    return inspect.isfunction(member) and member.__module__ != owner.__module__


def _is_special(key: str) -> bool:
    return key.startswith("__") and key not in ("__init__", "__new__", "__post_init__")


def _member(name: str, member: Any) -> Entry | None:
    if isinstance(member, property):
        return Entry(
            name, type_text(inspect.signature(member.fget).return_annotation), _doc(member)
        )
    if isinstance(member, classmethod | staticmethod):
        bound = isinstance(member, classmethod)
        return Entry(name, _call(name, member.__func__, bound=bound), _own_doc(member.__func__))
    if inspect.isfunction(member):
        return Entry(name, _call(name, member, bound=True), _own_doc(member))
    return None


# -- how it is written ------------------------------------------------------------------------


def _class_call(one: type) -> str:
    """Return how an instance is created; "" if users do not create instances."""
    if issubclass(one, Enum) or is_typeddict(one) or getattr(one, "_is_protocol", False):
        return ""
    if dataclasses.is_dataclass(one):
        return ""
    own = next((vars(part)["__init__"] for part in _parts(one) if "__init__" in vars(part)), None)
    return _call(one.__name__, own, bound=True, returns=False) if inspect.isfunction(own) else ""


def _call(
    name: str, function: Callable[..., Any], *, bound: bool = False, returns: bool = True
) -> str:
    signature = inspect.signature(function)
    result = type_text(signature.return_annotation) if returns else ""
    # What may never be given is there for its error message only.
    parameters = [
        parameter for parameter in signature.parameters.values() if parameter.annotation != "Never"
    ]
    parameters = parameters[int(bound) :]
    parts = _parameters(parameters)
    end = f" -> {result}" if result else ""
    line = f"{name}({', '.join(parts)}){end}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){end}"])


def _parameters(parameters: Sequence[inspect.Parameter]) -> list[str]:
    """Return parameters as in source, with ``/`` and ``*`` where they belong."""
    kinds = inspect.Parameter
    parts: list[str] = []
    starred = False
    for at, item in enumerate(parameters):
        before = parameters[at - 1].kind if at else None
        if before is kinds.POSITIONAL_ONLY and item.kind is not kinds.POSITIONAL_ONLY:
            parts.append("/")
        if item.kind is kinds.KEYWORD_ONLY and not starred:
            parts.append("*")
        starred |= item.kind in (kinds.VAR_POSITIONAL, kinds.KEYWORD_ONLY)
        parts.append(_parameter(item))
    if parameters and parameters[-1].kind is kinds.POSITIONAL_ONLY:
        parts.append("/")
    return parts


def _parameter(one: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    text = stars.get(one.kind, "") + one.name
    kind = type_text(one.annotation)
    text += f": {kind}" if kind else ""
    if one.default is not inspect.Parameter.empty:
        text += f" = {_value(one.default)}" if kind else f"={_value(one.default)}"
    return text


def type_text(annotation: Any) -> str:
    """Return an annotation as the source has it, "" for none."""
    if annotation is inspect.Signature.empty:
        return ""
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "…")


def _value(value: Any) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if value is None or isinstance(value, bool | int | float | str | bytes | tuple):
        return repr(value)
    return getattr(value, "__name__", "…")


def _own_doc(one: Any) -> str:
    return inspect.cleandoc(getattr(inspect.unwrap(one), "__doc__", None) or "")


def _doc(one: Any) -> str:
    return inspect.cleandoc(one.__doc__ or "")


def _class_doc(one: type) -> str:
    """Return the class' own docstring, and its constructor's: together they say what to give."""
    about = _doc(one) if "__doc__" in vars(one) else ""
    if about.startswith(f"{one.__name__}("):  # generated by dataclass for a class without one
        about = ""
    own = vars(one).get("__init__")
    init = _own_doc(own) if inspect.isfunction(own) and not dataclasses.is_dataclass(one) else ""
    return f"{about}\n\n{init}".strip()
