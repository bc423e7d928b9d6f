"""The setting of the signing keys of this process.

A key is text of at least 16 bytes without blanks; several keys, separated by spaces, are a
rotation. They come from the environment or from a file, but never from a command line, which ``ps``
shows, or from ``pyproject.toml``, which is committed. No message quotes a key.

This module refuses whatever could turn signing off or change the key unnoticed: a variable that is
set but blank, and a file that another account can write (trust.py) or that is too large for keys.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..basics.trust import Untrusted, open_trusted, resolve
from ..codec.provenance import MIN_KEY_BYTES
from ..exceptions import SettingsError

NAME = "signing_key"
VARIABLE, FILE_VARIABLE = "FLOWKIT_SIGNING_KEY", "FLOWKIT_SIGNING_KEY_FILE"
MAX_KEYS = 8
MAX_FILE_BYTES = 64 * 1024


def parse_signing_key(raw: object) -> str | None:
    """Return the keys, separated by one blank, None if there are none. Raises ValueError."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise ValueError("it is not a string")
    keys = raw.split()
    if not keys or len(keys) > MAX_KEYS:
        raise ValueError(f"give 1 to {MAX_KEYS} keys, separated by spaces")
    if min(len(key.encode("utf-8", "surrogateescape")) for key in keys) < MIN_KEY_BYTES:
        raise ValueError(
            f"a key must have at least {MIN_KEY_BYTES} bytes; make one with "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return " ".join(keys)


def read_signing_key(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the setting in an environment, and its source. Both are empty if it is not set.

    Raises SettingsError for a blank variable, for both variables together, and for a file that
    cannot be read, is empty or too large, or can be written by other accounts.
    """
    names = [name for name in (VARIABLE, FILE_VARIABLE) if name in environ]
    for name in names:
        if not environ[name].strip():
            raise SettingsError(
                f"{name} is set but blank. Without a key nothing is signed or verified: set the "
                "key, or unset the variable if you want no signatures."
            )
    if len(names) > 1:
        raise SettingsError(f"{VARIABLE} and {FILE_VARIABLE} are both set; unset one of them.")
    if not names:
        return {}, {}
    text = environ[names[0]].strip()
    key = _in_file(text) if names[0] == FILE_VARIABLE else text
    return {NAME: key}, {NAME: f"environment {names[0]}"}


def _in_file(path: str) -> str:
    """Return the keys in a file. Raises SettingsError."""
    try:
        with open(open_trusted(resolve(Path(path)), os.O_RDONLY), "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        text = data.decode().strip()
    except Untrusted as error:
        raise SettingsError(f"{FILE_VARIABLE} = {path!r} is not allowed: {error}.") from None
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    else:
        if text and len(data) <= MAX_FILE_BYTES:
            return text
        problem = f"has more than {MAX_FILE_BYTES:,} bytes" if text else "is empty"
    raise SettingsError(f"{path} ({FILE_VARIABLE}) {problem}. Write the key into it.")


def keys_of(setting: str | None) -> tuple[bytes, ...]:
    """Return the keys of a checked setting. The first one signs."""
    return tuple(key.encode("utf-8", "surrogateescape") for key in (setting or "").split())
