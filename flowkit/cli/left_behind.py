"""``flowkit purge --left-behind``: what killed commands have left, here and on a Redis.

The folders are deleted. The namespaces expire, as the command would have made them do: until then,
the run can be resumed with ``flowkit run --resume``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .connect import CONNECT_PATIENCE_S, OUTAGE_PATIENCE_S
from .inputs import confirm

if TYPE_CHECKING:
    from ..settings import Settings


def purge_left_behind(settings: Settings, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Show what killed commands have left, ask, and delete it. Raises StoreError."""
    from ..client.documents.purge import LeftBehind
    from ..embedded.left_behind import dead_folders, delete_folder
    from .print_json import print_document

    folders, namespaces = dead_folders(), _namespaces(settings)
    if not as_json:
        _show(folders, namespaces, settings)
    what = _what(len(folders), len(namespaces))
    deleted: list[str] = []
    is_meant = bool(what) and not dry_run
    if is_meant:
        confirm(what, yes=yes)
        deleted = [folder for folder in folders if delete_folder(folder)]
        for name in namespaces:
            _expire(settings, name)
    if as_json:
        document = LeftBehind(
            dry_run=dry_run,
            folders=folders,
            namespaces=namespaces,
            deleted=len(deleted),
            expiring=len(namespaces) if is_meant else 0,
        )
        print_document(document)
    elif is_meant:
        _tell(len(deleted), len(namespaces))


def _show(folders: list[str], namespaces: list[str], settings: Settings) -> None:
    from .output import note, say, seconds

    for folder in folders:
        say(f"{folder}: a dead socket")
    for name in namespaces:
        ttl = seconds(settings.result_ttl)
        say(f"namespace {name}: no process uses it; its keys will expire in {ttl}")
    if not folders and not namespaces:
        note("Killed commands have left nothing here.")


def _tell(folders: int, namespaces: int) -> None:
    from ..basics.counted import counted
    from .output import say

    if folders:
        say(f"Deleted {counted(folders, 'folder')}.")
    if namespaces:
        say(f"The keys of {counted(namespaces, 'namespace')} expire now.")


def _what(folders: int, namespaces: int) -> str:
    from ..basics.counted import counted

    parts = [counted(folders, "folder")] * bool(folders)
    return " and ".join(parts + [counted(namespaces, "namespace")] * bool(namespaces))


def _url(settings: Settings) -> str | None:
    """Return the Redis on which ``flowkit run`` makes namespaces: the first one."""
    from ..configuration.redis_url import without_namespace

    if settings.redis_url is None:
        return None
    return without_namespace(settings.redis_url.split()[0])[0]


def _namespaces(settings: Settings) -> list[str]:
    from ..client.run_namespace import abandoned

    url = _url(settings)
    if url is None:
        return []
    return abandoned(url, patience=CONNECT_PATIENCE_S, read_timeout=OUTAGE_PATIENCE_S)


def _expire(settings: Settings, name: str) -> None:
    from ..client.run_namespace import RunNamespace

    namespace = RunNamespace(
        str(_url(settings)), name, patience=CONNECT_PATIENCE_S, read_timeout=OUTAGE_PATIENCE_S
    )
    namespace.expire(settings.result_ttl)
