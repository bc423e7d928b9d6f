"""Redis URLs: checking them, and showing them without their passwords.

Used through ``flowkit.settings``. The check is needed because redis-py silently accepts invalid
URLs: an unknown scheme, ``redis://host/cache`` (database 0), or a password with a raw ``/``, which
changes the host. Only options that make sense in a URL are accepted: others change how replies are
decoded (``decode_responses``, ``protocol``), limit blocking calls (``socket_timeout``), or cannot
be written as text (``retry``). Nothing is connected or resolved here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit

from ..basics.names import NAMESPACE
from ..exceptions import BadRedisURL

EXAMPLES = (
    "write it like redis://localhost:6379/0, rediss://user:password@host:6379/0 (TLS), "
    "unix:///run/redis.sock or redis+sentinel://host1:26379,host2:26379/mymaster/0"
)
# Wider than a URL needs: everything before the last @ may contain a password.
_USER_INFO = re.compile(r"\A(\w[\w+.-]*://)?(.+)@([^@]*)\Z", re.DOTALL)
_OPTION_NAME = re.compile(r"[?&;]([^?&;=]*)=")
# It ends at & only, as in redis-py: a password may contain a ; or a #. A part without a = is no
# option, but the rest of a password with a raw &.
_OPTION_VALUE = re.compile(r"[^&]*(?:&[^&=]*(?=&|\Z))*")
_SECRET_OPTION = re.compile(r"pass|pwd|secret|token|credential", re.IGNORECASE)
_MOST_DECODED = 5
_SENTINEL = ("redis+sentinel", "rediss+sentinel")
_SCHEMES = ("redis", "rediss", "unix", *_SENTINEL)
_SENTINEL_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@,/]+)(?::([0-9]{1,5}))?")
_SERVICE = re.compile(r"/([A-Za-z0-9_.-]+)(?:/([0-9]*))?/?")
SENTINEL_PORT = 26379
_OPTIONS = (
    "db",
    "username",
    "password",
    "client_name",
    "socket_connect_timeout",
    "socket_keepalive",
)
_SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
_PROTOCOL = ("protocol", "2")  # the one that flowkit uses, so it is accepted
_LONGEST_CONNECT_S = 3600.0
_ESCAPE = "in a password, write @ : / ? # as %40 %3A %2F %3F %23"


def redact_url(url: str) -> str:
    """Return a URL with ``***`` for its password. Never raises, for any text.

    The text may contain several URLs separated by spaces. If it is not a valid URL, too much is
    removed rather than a password shown: without a colon, everything before the last ``@``.
    """
    parts = str(url).split()
    if len(parts) > 1 and not any(url_problem(without_namespace(part)[0]) for part in parts):
        return " ".join(map(_redacted, parts))
    return _redacted(str(url))


def _redacted(url: str) -> str:
    text = _redacted_query(url)
    if url.count("@") != text.count("@"):
        # A secret contained an @, or a password before it a ? and a =: it is unknown which.
        scheme = url.partition("://")[0]
        return f"{scheme}://***" if scheme in _SCHEMES else "***"
    match = _USER_INFO.match(text)
    if match is None:
        return text
    scheme, info, rest = match.groups(default="")
    user, colon, _ = info.partition(":")
    return f"{scheme}{user}:***@{rest}" if colon else f"{scheme}***@{rest}"


def _redacted_query(url: str) -> str:
    """Replace the values of options that may be secret, in any spelling of their names."""
    pieces, at = [], 0
    for name in _OPTION_NAME.finditer(url):
        if name.start() < at or not _SECRET_OPTION.search(_decoded(name[1])):
            continue
        value = _OPTION_VALUE.match(url, name.end())
        pieces += [url[at : name.end()], "***"]
        at = value.end() if value else len(url)
    return "".join(pieces) + url[at:]


def _decoded(name: str) -> str:
    """Return a name without percent escapes, also nested ones, and without white space.

    Python removes line ends and tabs from a URL before it parses the options.
    """
    for _ in range(_MOST_DECODED):
        plain = unquote(name)
        if plain == name:
            break
        name = plain
    return "".join(name.split())


def without_namespace(url: str) -> tuple[str, str | None]:
    """Return a URL without its fragment, and the namespace that the fragment names.

    A fragment that is no valid namespace is kept, and refused later: it is part of a password with
    a raw #. So is a fragment after a password in the query, where the two look alike.
    """
    plain, mark, fragment = url.rpartition("#")
    if mark and NAMESPACE.fullmatch(fragment) and _redacted_query(plain) == plain:
        return plain, fragment
    return url, None


def check_redis_url(url: str) -> str:
    """Return ``url`` if it is a valid Redis URL.

    Otherwise raises BadRedisURL, which says what is wrong and gives examples.
    """
    problem = url_problem(url)
    if problem:
        text = f"{redact_url(url)!r} is not the address of a Redis: {problem}; {EXAMPLES}."
        raise BadRedisURL(text)
    return url


def has_password(url: str) -> bool:
    """Return whether a URL contains a password for its Redis."""
    parts = urlsplit(url)
    info = parts.netloc.rpartition("@")[0]
    return ":" in info or "password" in parse_qs(parts.query)


def url_problem(url: str) -> str | None:
    """Return what is wrong with a Redis URL, without its password; None if it is valid."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        return "it does not begin with redis://, rediss://, unix:// or redis+sentinel://"
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return "it has a space or a control character in it"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "its host is not valid"
    if scheme in _SENTINEL:
        return _sentinel_problem(parts)
    try:
        _ = parts.port
    except ValueError:
        return f"its port is not a number up to 65535 ({_ESCAPE})"
    if parts.fragment or ("@" in parts.query and "@" not in parts.netloc):
        return f"it has a # or ? in a place where that ends the host ({_ESCAPE})"
    if scheme == "unix" and not parts.path.strip("/"):
        return "the path of the socket is missing"
    if scheme != "unix" and not re.fullmatch(r"/?[0-9]*/?", parts.path):
        return f"what follows the host is not the number of a database ({_ESCAPE})"
    return _option_problem(parts.query, _OPTIONS)


def _option_problem(query: str, known: Sequence[str]) -> str | None:
    for name, values in parse_qs(query).items():
        if name.startswith("ssl_") or (name, values[0]) == _PROTOCOL:
            continue
        if name not in known:
            shown = name if re.fullmatch(r"\w{1,40}", name) else "…"
            return (
                f"it has an option {shown!r} that flowkit does not accept (it accepts "
                f"{', '.join(known)} and, for TLS, ssl_…)"
            )
        if name == "socket_connect_timeout" and not _is_connect_timeout(values[0]):
            return (
                "its socket_connect_timeout is not a number of seconds up to "
                f"{_LONGEST_CONNECT_S:g}"
            )
    return None


def _is_connect_timeout(text: str) -> bool:
    try:
        return 0.0 < float(text) <= _LONGEST_CONNECT_S
    except ValueError:
        return False


# -- Sentinel -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class SentinelURL:
    """The parts of ``redis+sentinel://``. ``plain``: the URL for redis-py, without a host."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    tls: bool
    plain: str
    sentinel_username: str | None = None
    sentinel_password: str | None = None


def is_sentinel_url(url: str) -> bool:
    """Return whether a URL names sentinels instead of a Redis."""
    return url.partition("://")[0] in _SENTINEL


def split_sentinel_url(url: str) -> SentinelURL:
    """Return the parts of a URL that ``check_redis_url`` has accepted."""
    parts = urlsplit(url)
    info, at, hosts = parts.netloc.rpartition("@")
    matches = [_SENTINEL_HOST.fullmatch(host) for host in hosts.split(",")]
    service = _SERVICE.fullmatch(parts.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    own = {name: query.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    tls = parts.scheme.startswith("rediss")
    database = (service[2] if service else None) or "0"
    plain = f"{'rediss' if tls else 'redis'}://{info}{at}/{database}"
    return SentinelURL(
        hosts=tuple(
            (unquote(host[1]).strip("[]"), int(host[2] or SENTINEL_PORT))
            for host in matches
            if host
        ),
        service=service[1] if service else "",
        tls=tls,
        plain=f"{plain}?{urlencode(query)}" if query else plain,
        sentinel_username=own["username"],
        sentinel_password=own["password"],
    )


def _sentinel_problem(parts: SplitResult) -> str | None:
    hosts = parts.netloc.rpartition("@")[2]
    for host in hosts.split(","):
        match = _SENTINEL_HOST.fullmatch(host)
        if match is None or int(match[2] or 1) > 65535:
            return f"its sentinels are not written as host:port, separated by commas ({_ESCAPE})"
    if parts.fragment or ("@" in parts.query and "@" not in parts.netloc):
        return f"it has a # or ? in a place where that ends the host ({_ESCAPE})"
    if not _SERVICE.fullmatch(parts.path):
        return "after the sentinels it does not name the master, as /mymaster or /mymaster/0"
    return _option_problem(parts.query, (*_OPTIONS, *_SENTINEL_OPTIONS))
