"""The signing keys of this process, as they are set from outside.

A key is text of at least 16 bytes without blanks; several with blanks between are a rotation. They
come from the environment or from a file, never from a command line or ``pyproject.toml``: the one
shows in ``ps``, the other is committed. No message quotes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .exceptions import SettingsError
from .protocol.provenance import MIN_KEY_BYTES

NAME = "signing_key"
VARIABLE, FILE_VARIABLE = "FLOWKIT_SIGNING_KEY", "FLOWKIT_SIGNING_KEY_FILE"
MAX_KEYS = 8
MAX_FILE_BYTES = 64 * 1024


def parse_signing_key(raw: object) -> str | None:
    """Return the keys with one blank between them, None if there are none. Raises ValueError."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise ValueError("it is no text")
    keys = raw.split()
    if not keys or len(keys) > MAX_KEYS:
        raise ValueError(f"give 1 to {MAX_KEYS} keys with blanks between them")
    if min(len(key.encode("utf-8", "surrogateescape")) for key in keys) < MIN_KEY_BYTES:
        raise ValueError(
            f"a key must have at least {MIN_KEY_BYTES} bytes; make one with "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return " ".join(keys)


def read_signing_key(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the setting that an environment gives, and where it is from; both empty without one.

    Raises SettingsError for a file that cannot be read or is empty, and for both variables.
    """
    text, path = environ.get(VARIABLE, "").strip(), environ.get(FILE_VARIABLE, "").strip()
    if text and path:
        raise SettingsError(f"{VARIABLE} and {FILE_VARIABLE} are both set; keep one of them.")
    if not (text or path):
        return {}, {}
    variable = FILE_VARIABLE if path else VARIABLE
    return {NAME: _in_file(path) if path else text}, {NAME: f"environment {variable}"}


def _in_file(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(MAX_FILE_BYTES).strip()
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    else:
        if text:
            return text
        problem = "is empty"
    raise SettingsError(f"{path} ({FILE_VARIABLE}) {problem}.")


def keys_of(setting: str | None) -> tuple[bytes, ...]:
    """Return the keys of a checked setting, the one that signs first."""
    return tuple(key.encode("utf-8", "surrogateescape") for key in (setting or "").split())
