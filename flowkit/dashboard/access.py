"""Who may look at the page, and who may act: the token of the start, sessions, the CSRF token.

Other accounts of the machine are strangers, so an address on 127.0.0.1 protects nothing. The token
is in the address that ``flowkit dashboard`` prints. Who has it gets a session: a random cookie that
scripts cannot read. Each action needs the CSRF token of the session too, in a header, which a page
of another site can neither read nor send.

An app that has a login of its own gives ``auth``, and there are no tokens: its answer counts for
each request.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

MOST_SESSIONS = 32  # the one that was not used for longest ends
TOKEN_BYTES = 32
CSRF_HEADER = "X-Flowkit-CSRF"

# The name of who asks, None to refuse.
Auth = Callable[[HTTPConnection], str | None]


@dataclass(frozen=True, slots=True)
class Session:
    """What a browser has that was let in. ``csrf``: what its actions must carry."""

    name: str = ""
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))


class TokenAccess:
    """Lets in who has the token of this start, or the password."""

    def __init__(self, cookie: str, password: str | None = None) -> None:
        """``cookie``: its name, which tells programs on other ports of one host apart."""
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self.cookie = cookie
        self.has_password = password is not None
        self._password = password or secrets.token_urlsafe(TOKEN_BYTES)
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def session_of(self, request: HTTPConnection) -> Session | None:
        """Return the session of a request, None if it has none."""
        key = request.cookies.get(self.cookie, "")
        with self._lock:
            session = self._sessions.get(key)
            if session is not None:
                self._sessions.move_to_end(key)
        return session

    def is_token(self, given: str) -> bool:
        """Return whether this is the token of this start."""
        return _same(given, self.token)

    def is_password(self, given: str) -> bool:
        """Return whether this is the password; never, if there is none."""
        return self.has_password and _same(given, self._password)

    def open_session(self) -> str:
        """Begin a session and return the value of its cookie."""
        key = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._sessions[key] = Session()
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return key


class OwnAccess:
    """Lets in whom the function of an app lets in.

    The CSRF token is bound to the name of who asks by a secret of this process.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._secret = secrets.token_bytes(TOKEN_BYTES)

    def session_of(self, request: HTTPConnection) -> Session | None:
        """Return the session of a request, None if the app refuses it."""
        name = self._auth(request)
        if name is None:
            return None
        return Session(name, hmac.new(self._secret, name.encode(), "sha256").hexdigest())


Access = TokenAccess | OwnAccess


def may_act(request: HTTPConnection, session: Session) -> bool:
    """Return whether an action of this session comes from our page.

    A browser names the page that sends a request in ``Origin``; programs do not.
    """
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.url.netloc}"
    if origin is not None and not _same(origin, own):
        return False
    return _same(request.headers.get(CSRF_HEADER, ""), session.csrf)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
