"""Loading an app: the module with a user's tasks and DAGs, by file or by name.

The CLI and every worker use this module, and all must give the app the same module name, since the
name is part of each task's reference. A file in a package (folders with ``__init__.py``) is loaded
under its dotted name. Any other file is loaded under its stem, with its folder first on
``sys.path`` so that its helper modules are found. Loading a file twice returns the same module.

This module refuses names that would hide a module that Python or flowkit needs, and files in a
folder such as ``/tmp``, where any account could put a module that the app then imports. Errors of
user code are reported with the user's frames, without those of flowkit and the import machinery.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from .basics.suggestions import unknown_name
from .basics.trust import is_shared, is_sticky
from .dag import DAG
from .definition.app_errors import report
from .definition.factories import Factory, factory_in, likely_factories, without_dag
from .definition.importing import importing_app
from .definition.members import covered
from .definition.task import Task
from .exceptions import AppError, UnknownDAGError

_FILE_SPEC = re.compile(r"(?P<target>.*?\.py)(?::(?P<dag>.*))?", re.DOTALL)
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
# A file with one of these names, with its folder first on sys.path, would hide the real module.
_OURS = {"flowkit", "redis", "msgpack", "msgspec", "click", "rich", "fakeredis"}
_TAKEN = sys.stdlib_module_names | _OURS


@dataclass(frozen=True, slots=True)
class App:
    """A loaded module and its DAGs, by the names of their variables."""

    name: str
    module: ModuleType
    dags: Mapping[str, DAG]

    def default_dag(self) -> DAG:
        """Return the only DAG. Raises UnknownDAGError if there are several, or none."""
        if len(self.dags) == 1:
            return next(iter(self.dags.values()))
        if not self.dags:
            raise UnknownDAGError(without_dag(self.name, self.module))
        shown = (
            repr(variable) if variable == dag.name else f"{variable!r} (named {dag.name!r})"
            for variable, dag in self.dags.items()
        )
        raise UnknownDAGError(
            f"App {self.name!r} has several DAGs: {', '.join(shown)}. "
            f"Name one of them, as in {self.name}:{next(iter(self.dags))}.",
            known=self._names(),
        )

    def dag(self, name: str | None = None) -> DAG:
        """Return a DAG by the name of its variable or its own name; None for the only DAG.

        Raises UnknownDAGError.
        """
        if name is None:
            return self.default_dag()
        if name in self.dags:
            return self.dags[name]
        named = [dag for dag in self.dags.values() if dag.name == name]
        if len(named) == 1:
            return named[0]
        names = [*self._names(), *likely_factories(self.module)]
        if named:
            problem = f"{len(named)} DAGs are named {name!r}. Use the name of the variable."
        else:
            problem = unknown_name("DAG", name, names)
        raise UnknownDAGError(f"App {self.name!r}: {problem}", name, names)

    def factory(self, name: str | None) -> Factory | None:
        """Return the function of this name if it may return a DAG and no DAG has the name."""
        if name is None or name in self.dags or any(dag.name == name for dag in self.dags.values()):
            return None
        func = factory_in(self.module, name)
        return None if func is None else Factory(self.name, name, func)

    def build(self, factory: Factory, values: Mapping[str, object]) -> DAG:
        """Call a factory with these values by name. Raises ParameterError, AppError."""
        return factory.build(values, DAG)

    def queues(self) -> list[str]:
        """Return the queues of all tasks that are loaded, and the default queue."""
        tasks = [*Task._all_tasks, *(task for dag in self.dags.values() for task in dag.tasks)]
        return sorted({"default", *(task.policy.queue for task in tasks)})

    def _names(self) -> list[str]:
        return list(dict.fromkeys([*self.dags, *(dag.name for dag in self.dags.values())]))


def split_spec(spec: str) -> tuple[str, str | None]:
    """Split "file.py:DAG" or "package.module:DAG" into target and DAG name (None if not given).

    The DAG name begins after the first colon behind ``.py``, or after the first colon of a module's
    name, so a drive letter or a folder with a colon does not matter. Raises AppError for an empty
    part.
    """
    match = _FILE_SPEC.fullmatch(spec)
    if match is None and not _looks_like_path(spec):
        match = re.fullmatch(r"(?P<target>[^:]*)(?::(?P<dag>.*))?", spec, re.DOTALL)
    target, dag = (match["target"], match["dag"]) if match else (spec, None)
    if not target.strip():
        raise AppError(
            f"{spec!r} does not name an app. Give a file (etl.py) or a module (package.etl)."
        )
    if dag == "":
        raise AppError(f"{spec!r} ends in a colon: give the DAG's name after it, or leave it out.")
    return target, dag


def load_app(spec: str) -> App:
    """Load "package.module" or "path/to/file.py". A ":DAG" after it is for ``App.dag``.

    Raises AppError, which names the file, the problem and the line.
    """
    target, _ = split_spec(spec)
    if target.endswith(".py") or _looks_like_path(target):
        module = _load_file(target)
    else:
        module = _load_dotted(target)
    return App(module.__name__, module, _dags_of(module))


def _dags_of(module: ModuleType) -> dict[str, DAG]:
    dags: dict[str, DAG] = {}
    for name, value in vars(module).items():
        if isinstance(value, DAG) and not any(value is dag for dag in dags.values()):
            dags[name] = value
    if dags:
        return dags
    here = [task for task in Task._all_tasks if task.func.__module__ == module.__name__]
    own = [task for task in here if not task._in_dag]
    is_drawn = any(task.upstream or task.downstream for task in own)
    if not own or (not is_drawn and likely_factories(module)):
        return {}
    name = module.__name__.rpartition(".")[2]
    implicit = DAG(name)
    for task in covered(own):
        implicit._members.add(task, claims=False)
    return {name: implicit}


def _load_dotted(name: str) -> ModuleType:
    if not _DOTTED.fullmatch(name):
        raise AppError(
            f"{name!r} is neither a module's name nor a Python file. "
            "Give a file (etl.py) or a module (package.etl)."
        )
    here = os.getcwd()  # as `python -m` does
    if here not in sys.path and "" not in sys.path and not is_shared(Path(here)):
        sys.path.insert(0, here)
    return _import(name, f"module {name!r}")


def _load_file(target: str) -> ModuleType:
    path = Path(target)
    if path.is_dir():
        raise AppError(f"{target!r} is a folder. Give one of its .py files, or a module's name.")
    if not path.exists():
        raise AppError(f"There is no file {target!r} (seen from {os.getcwd()}).")
    if path.suffix != ".py":
        raise AppError(f"{target!r} is not a Python file: its name does not end in .py.")
    path = path.resolve()
    name, root = _module_name(path)
    loaded = sys.modules.get(name)
    if loaded is not None and _is_file_of(loaded, path):
        return loaded
    _refuse_shadow(name, loaded, path)
    _refuse_shared(path, root)
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))
    module = _import(name, str(path))
    if not _is_file_of(module, path):
        raise AppError(
            f"{path} must be loaded as module {name!r}, but Python found {_origin(module)} under "
            "that name. Rename the file."
        )
    return module


def _module_name(path: Path) -> tuple[str, Path]:
    """Return the dotted name of a file and the folder that must be on ``sys.path`` for it."""
    parts = [path.stem] if path.stem != "__init__" else []
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        parts.insert(0, folder.name)
        folder = folder.parent
    for part in parts:
        if "." in part:
            raise AppError(f"{path} cannot be imported: {part!r} has a dot in its name. Rename it.")
    return ".".join(parts), folder


def _refuse_shadow(name: str, loaded: ModuleType | None, path: Path) -> None:
    top = name.partition(".")[0]
    if top in _TAKEN:
        raise AppError(
            f"{path} would hide the module {top!r}, which Python or flowkit needs. "
            f"Rename it, for instance to my_{top}."
        )
    if loaded is not None:
        raise AppError(
            f"{path} cannot be loaded as module {name!r}: a module of that name is already loaded, "
            f"from {_origin(loaded)}. Rename one of them, or put them into packages."
        )


def _refuse_shared(path: Path, root: Path) -> None:
    """Raise AppError if other accounts could put modules beside those of the app.

    They can if they may write one of its folders. They also can if they may rename one: a parent
    folder that every account may write allows that, unless it is sticky as ``/tmp`` is.
    """
    imported = True
    for folder in path.parents:
        if is_shared(folder) and (imported or not is_sticky(folder)):
            raise AppError(
                f"{path} is not loaded: every account can put files into {folder}, and the app "
                "would import modules from there. Move it into a folder that you own, or run: "
                f"chmod o-w {folder}"
            )
        imported = imported and folder != root


def _import(name: str, what: str) -> ModuleType:
    importlib.invalidate_caches()  # the file may have been written a moment ago
    try:
        with importing_app(what):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise AppError(_no_module(name, missing)) from None
        hint = f"\nIs {missing!r} installed in this environment ({sys.prefix})?"
        raise AppError(report(f"{what} cannot be loaded", error) + hint) from error
    except SystemExit as error:
        raise AppError(
            f"{what} ended the program while it was loaded (exit {error.code!r}). Put the lines "
            "that run the program under `if __name__ == '__main__':`."
        ) from error
    except Exception as error:
        raise AppError(report(f"{what} cannot be loaded", error)) from error


def _no_module(name: str, missing: str) -> str:
    if missing == name:
        return f"There is no module {name!r} here or on the Python path (seen from {os.getcwd()})."
    return f"There is no module {name!r}: its package {missing!r} is not found."


def _is_file_of(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path


def _origin(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "a built-in module")


def _looks_like_path(target: str) -> bool:
    return os.sep in target or (os.altsep or os.sep) in target or Path(target).is_file()
