"""The address of a Redis: is it one, and how is it shown without its password.

Used through ``flowkit.settings``. The check is there because the client library takes much in
silence: a scheme it does not know, ``redis://host/cache`` (database 0), or a password with a raw
``/`` in it, which moves the host. Nothing is connected or resolved here.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ..exceptions import BadRedisURL

EXAMPLES = (
    "write it like redis://localhost:6379/0, rediss://user:password@host:6379/0 (TLS) or "
    "unix:///run/redis.sock"
)
# Wider than a URL needs: whatever stands before the last @ may hold a password.
_USER_INFO = re.compile(r"\A(\w[\w+.-]*://)?(.+)@([^@]*)\Z", re.DOTALL)
_QUERY_PASSWORD = re.compile(r"([?&]\w*password=)[^&#]*", re.IGNORECASE)
_ESCAPE = "in a password, write @ : / ? # as %40 %3A %2F %3F %23"


def redact_url(url: str) -> str:
    """Return a URL with ``***`` for its password; never raises, whatever the text is.

    A text that is not quite a URL rather loses too much than shows a password: without a colon
    in it, all that stands before the last ``@`` goes.
    """
    text = _QUERY_PASSWORD.sub(r"\1***", str(url))
    match = _USER_INFO.match(text)
    if match is None:
        return text
    scheme, info, rest = match.groups(default="")
    user, colon, _ = info.partition(":")
    return f"{scheme}{user}:***@{rest}" if colon else f"{scheme}***@{rest}"


def check_redis_url(url: str) -> str:
    """Return ``url`` if it can be the address of a Redis.

    Raises BadRedisURL, which says what is wrong and gives examples, for anything else.
    """
    problem = url_problem(url)
    if problem:
        text = f"{redact_url(url)!r} is not the address of a Redis: {problem}; {EXAMPLES}."
        raise BadRedisURL(text)
    return url


def url_problem(url: str) -> str | None:
    """Tell what is wrong with the address of a Redis, without its password; None if nothing is."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in ("redis", "rediss", "unix"):
        return "it does not begin with redis://, rediss:// or unix://"
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return "it has a space or a control character in it"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "its host is not valid"
    try:
        _ = parts.port
    except ValueError:
        return f"its port is not a number up to 65535 ({_ESCAPE})"
    if parts.fragment or ("@" in parts.query and "@" not in parts.netloc):
        return f"it has a # or ? in a place where that ends the host ({_ESCAPE})"
    if scheme == "unix":
        return None if parts.path.strip("/") else "the path of the socket is missing"
    if not re.fullmatch(r"/?[0-9]*/?", parts.path):
        return f"what follows the host is not the number of a database ({_ESCAPE})"
    return None
