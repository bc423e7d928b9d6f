"""Sending the functions of a run to child processes: by name, or pickled.

A function is sent by name if this process finds it under the reference of its task: a child then
imports the same module and finds it too. ``@task`` replaces the function by a Task, so the task is
looked up and provides the function. Any other function is pickled (wire.py). A function
that cannot be pickled is refused before anything runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ...basics.display_text import error_text
from ...basics.main_module import main_can_be_imported
from ...definition.calls import CallTask
from ...definition.functions import attribute_at
from ...definition.task import Task, registered_task
from ...exceptions import NotImportableError
from .wire import pack


@dataclass(frozen=True, slots=True)
class Cargo:
    """The functions of a run, by number: references of some, packed code of the others."""

    refs: Mapping[int, str]
    code: Mapping[int, bytes]
    numbers: Mapping[Task, int]  # by base task, which bound tasks share

    def number_of(self, task: Task) -> int:
        """Return the number of a task's function."""
        return self.numbers[task.base]


def load_cargo(dag_name: str, tasks: Sequence[Task]) -> Cargo:
    """Return the functions of the plain tasks among ``tasks``; async ones stay in this process.

    Raises NotImportableError for a function that cannot be sent to a child.
    """
    refs: dict[int, str] = {}
    code: dict[int, bytes] = {}
    numbers: dict[Task, int] = {}
    for task in tasks:
        base = task.base
        if task.is_async or base in numbers or type(base.func) is CallTask:
            continue  # the last only makes calls of runs, in this process
        number = numbers[base] = len(numbers)
        problem = _why_not_by_name(base)
        if problem is None:
            refs[number] = base.ref
        else:
            code[number] = _packed_function(dag_name, base, problem)
    return Cargo(refs, code, numbers)


def find_function(ref: str) -> Callable[..., Any]:
    """Import the module of a reference and return the function. Raises LookupError."""
    module, _, qualname = ref.partition(":")
    try:
        imported = import_module(module)
    except BaseException as error:
        raise LookupError(
            f"module {module!r} cannot be imported there: {error_text(error)}"
        ) from error
    registered = registered_task(ref)
    if registered is not None:
        return registered.func
    value = attribute_at(imported, qualname)
    if isinstance(value, Task):
        return value.func
    if not callable(value):
        raise LookupError(f"module {module!r} has no {qualname!r} there")
    return value


def not_found(dag_name: str, task: Task, why: str) -> NotImportableError:
    """Return the error for a task whose function a child does not find under its reference."""
    if task.ref.startswith(("__main__:", "__mp_main__:")):
        remedy = "Define it in the script outside of `if __name__ == '__main__':`, or in a module."
    else:
        remedy = "A new process must find the module as this one did: by its import path."
    return _refusal(dag_name, task, f"{why}. {remedy}")


def _why_not_by_name(task: Task) -> str | None:
    module, _, qualname = task.ref.partition(":")
    if "<lambda>" in qualname:
        return "it is a lambda"
    if "<locals>" in qualname:
        return "it is defined inside a function"
    if "<" in qualname:
        return "it is not a plain function"
    if module == "__main__" and not main_can_be_imported():
        return "it is defined in a notebook or an interactive session"
    if module not in sys.modules:
        return f"its module {module!r} was not imported"
    try:
        registered = find_function(task.ref)
    except LookupError:
        registered = None
    return None if registered is task.func else f"{task.ref} is now another function"


def _packed_function(dag_name: str, task: Task, problem: str) -> bytes:
    try:
        return pack(task.func, whole=not main_can_be_imported())
    except Exception as error:
        remedy = f", and it cannot be pickled ({error_text(error)}). Move it to the top level "
        remedy += "of a module."
        raise _refusal(dag_name, task, problem + remedy) from error


def _refusal(dag_name: str, task: Task, text: str) -> NotImportableError:
    message = (
        f"Task {task.name!r} ({task.ref}) of DAG {dag_name!r} cannot run in another process: {text}"
    )
    return NotImportableError(message, task.name, task.ref)
