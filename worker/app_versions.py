"""The version of the app in a child: what the child registers of it, and errors that name it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from flowkit.definition.app_version import code_of_app
from flowkit.exceptions import StoreError
from flowkit.protocol.app_functions import app_id, function_id, pinned_id
from flowkit.protocol.records import ErrorInfo


@dataclass(frozen=True, slots=True)
class LoadedApp:
    """What a child has loaded: the id of its app, the version, and the ids of its functions.

    ``pinned``: the ids of its functions in this version, for runs that are kept to it.
    """

    id: str = ""
    version: str = ""
    functions: frozenset[str] = frozenset()
    pinned: frozenset[str] = frozenset()

    @classmethod
    def of(cls, refs: Iterable[str], version: str) -> LoadedApp:
        """Describe an app that has these functions, by their references.

        ``version``: the version that the user gave, "" for the digest of the code.
        """
        refs, version = list(refs), version or code_of_app()
        functions = frozenset(map(function_id, refs))
        pinned = frozenset(pinned_id(ref, version) for ref in refs if version)
        return cls(app_id(functions | pinned), version, functions, pinned)


def name_versions(info: ErrorInfo, version: str, read: Callable[[], str]) -> ErrorInfo:
    """Add the versions to the error of a call with wrong arguments, if they explain it.

    They do if the run was submitted with another version than this worker's. ``read`` returns that
    one. It costs a round trip, so only such an error asks for it.
    """
    submitted = ""
    if version:
        with suppress(StoreError):
            submitted = read()
    if submitted in ("", version):
        return info
    text = (
        f"{info.message}. The run was submitted with version {submitted} of the code, and this "
        f"worker has version {version}."
    )
    return replace(info, message=text)
