"""The password of the page: from a file, or from the environment, never from a command line.

``ps`` shows command lines to every account of the machine. A file that another account can write is
refused (trust.py). One that others can read is used, and a note says so: in a container, a secret
can be such a file. No message quotes the password.
"""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import click

from ..basics.trust import Untrusted, open_trusted, resolve

VARIABLE, FILE_VARIABLE = "FLOWKIT_DASHBOARD_PASSWORD", "FLOWKIT_DASHBOARD_PASSWORD_FILE"
SHORTEST, LONGEST = 12, 1_000  # characters
_OTHERS = stat.S_IROTH | stat.S_IWOTH


def read_password(host: str, file: Path | None, environ: Mapping[str, str]) -> str | None:
    """Return the password, None if a token is enough. ``file`` comes before the environment.

    Raises UsageError for a ``host`` that others can reach without a password, for both variables
    together, for a file that cannot be used, and for a password that is blank, too short or too
    long, or has several lines.
    """
    if file is not None:
        return _checked(_in_file(file), str(file))
    names = [name for name in (VARIABLE, FILE_VARIABLE) if name in environ]
    if len(names) > 1:
        raise click.UsageError(f"{VARIABLE} and {FILE_VARIABLE} are both set; unset one of them.")
    if not names:
        if is_loopback(host):
            return None
        raise click.UsageError(
            f"Others can reach {host}: give --password-file FILE, or set {FILE_VARIABLE}. A token "
            "in an address is not enough where it passes through proxies and logs."
        )
    if names == [FILE_VARIABLE]:
        text = environ[FILE_VARIABLE].strip()
        if not text:
            raise click.UsageError(f"{FILE_VARIABLE} is set but blank. Set a path, or unset it.")
        return _checked(_in_file(Path(text)), f"{text} ({FILE_VARIABLE})")
    return _checked(environ[VARIABLE], VARIABLE)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _in_file(path: Path) -> str:
    from .output import note

    try:
        with open(open_trusted(resolve(path), os.O_RDONLY), "rb") as file:
            data = file.read(4 * LONGEST + 1)
            is_readable = bool(os.fstat(file.fileno()).st_mode & _OTHERS)
        text = data.decode()
    except Untrusted as error:
        raise click.UsageError(f"The password file is not allowed: {error}.") from None
    except OSError as error:
        problem = error.strerror or str(error)
        raise click.UsageError(f"The password file {path} cannot be read: {problem}.") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"The password file {path} is not UTF-8.") from None
    if is_readable:
        note(f"Other accounts of this machine can read the password. Run: chmod 600 {path}")
    return text


def _checked(given: str, source: str) -> str:
    text = given.strip()
    if not SHORTEST <= len(text) <= LONGEST or not text.isprintable():
        raise click.UsageError(
            f"{source} must be one line: a password of {SHORTEST} to {LONGEST:,} characters. Make "
            "one with: openssl rand -hex 24"
        )
    return text
