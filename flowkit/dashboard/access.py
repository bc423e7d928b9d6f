"""Who may look at the page, and who may act: the token of the start, cookies, the CSRF token.

Other accounts of the machine are strangers, so an address on 127.0.0.1 protects nothing. The token
is in the address that ``flowkit dashboard`` prints. Who has it gets two cookies that scripts cannot
read. One opens the pages, which have nothing of the system in them, and one the API.

Browsers send the cookies of a host to all its ports, so to a server of another account too, if a
reader opens a page of it. Therefore the cookie of the API is for one path alone, with a random part
that only our page knows (``private``): it keeps it in the storage of its origin, which has a port.

Each action needs the CSRF token of the session too, in a header, which a page of another site can
neither read nor send. Programs send the token, or the password, in the header ``Authorization``.
No browser does that for a page of another site, so they need no CSRF token. A request that has both
is refused, so that one cannot stand in for the other.

An app that has a login of its own gives ``auth``, and there are no tokens: its answer counts for
each request.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

from starlette.requests import HTTPConnection

from .sessions import TOKEN_BYTES, Session, Sessions, random_text
from .throttle import Throttle

CSRF_HEADER = "X-Flowkit-CSRF"
PRIVATE = "/private-"  # begins the path of the API for browsers

# The name of who asks, None to refuse.
Auth = Callable[[HTTPConnection], str | None]


class NoEntry(Exception):
    """A request is not let in. ``wait``: after how many seconds it may be tried again."""

    def __init__(self, status: int, kind: str, message: str, wait: int = 0) -> None:
        super().__init__(message)
        self.status, self.kind, self.wait = status, kind, wait


class TokenAccess:
    """Lets in who has the token of this start, or the password.

    ``private``: the path below which browsers find the API.
    """

    def __init__(
        self,
        cookie: str,
        password: str | None = None,
        *,
        sessions: Sessions | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        """``cookie``: its name, which tells programs on other ports of one host apart."""
        self.token = random_text()
        self.private = PRIVATE + secrets.token_urlsafe(16)
        self.cookie, self.view_cookie = cookie, f"{cookie}-view"
        self.has_password = password is not None
        self._password = password or random_text()
        self.sessions = sessions or Sessions()
        self._throttle = throttle or Throttle()

    def session_of(self, request: HTTPConnection) -> Session:
        """Return the session of a request for the API. Raises NoEntry."""
        key = request.cookies.get(self.cookie)
        given = request.headers.get("authorization")
        if given is not None and key is not None:
            raise NoEntry(
                400, "TwoLogins", "Send the header Authorization or the cookie, not both."
            )
        if given is not None:
            return self._session_of_program(given)
        session = None if key is None else self.sessions.of_key(key)
        if session is None:
            raise self.not_logged_in()
        return session

    def may_see(self, request: HTTPConnection) -> bool:
        """Return whether a request gets the frame of the pages."""
        return self.sessions.of_view(request.cookies.get(self.view_cookie, "")) is not None

    def is_still_in(self, request: HTTPConnection, session: Session) -> bool:
        """Return whether a session that was let in with this request has not ended since."""
        return session.by_token or self.sessions.of_key(session.key) is not None

    def is_token(self, given: str) -> bool:
        """Return whether this is the token of this start."""
        return not self.has_password and is_same(given, self.token)

    def is_password(self, given: str) -> bool:
        """Return whether this is the password; never, if there is none.

        Raises NoEntry if too many were wrong: then none is compared for a while.
        """
        if not self.has_password:
            return False
        if wait := self._throttle.seconds_left():
            message = f"Too many wrong passwords. Try again in {wait} s."
            raise NoEntry(429, "TooManyAttempts", message, wait)
        if is_same(given, self._password):
            return True
        self._throttle.take()
        return False

    def _session_of_program(self, header: str) -> Session:
        scheme, _, given = header.partition(" ")
        # Bytes of a header come as Latin-1; a password may have other letters.
        given = given.strip().encode("latin-1", "replace").decode("utf-8", "replace")
        is_right = self.is_password if self.has_password else self.is_token
        if scheme.lower() != "bearer" or not is_right(given):
            raise self.not_logged_in()
        return Session(csrf="", by_token=True)

    def not_logged_in(self) -> NoEntry:
        """Return the refusal of a request without a session: it says how to get in."""
        if self.has_password:
            way = "Log in at the address of the dashboard. Programs send the password"
        else:
            way = (
                "Open the address that flowkit dashboard printed when it started. Programs send "
                "the token of this address"
            )
        return NoEntry(401, "NotLoggedIn", f"{way}: `Authorization: Bearer …`.")


class OwnAccess:
    """Lets in whom the function of an app lets in.

    The CSRF token is bound to the name of who asks by a secret of this process.
    """

    private = ""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._secret = secrets.token_bytes(TOKEN_BYTES)

    def session_of(self, request: HTTPConnection) -> Session:
        """Return the session of a request. Raises NoEntry if the app refuses it.

        Raises TypeError if the function returns something else than a name or None: an ``async``
        one returns a coroutine, which would let everybody in.
        """
        name = self._auth(request)
        if name is not None and not isinstance(name, str):
            raise TypeError(f"auth must return a name or None, not {type(name).__name__}")
        if not name:
            raise NoEntry(401, "NotLoggedIn", "Log in to the app that this address belongs to.")
        csrf = hmac.new(self._secret, name.encode("utf-8", "surrogatepass"), "sha256").hexdigest()
        return Session(name, csrf)

    def may_see(self, request: HTTPConnection) -> bool:
        """Return whether a request gets the frame of the pages."""
        try:
            self.session_of(request)
        except NoEntry:
            return False
        return True

    def is_still_in(self, request: HTTPConnection, session: Session) -> bool:
        """Return whether the app would let in this request again."""
        return self.may_see(request)


Access = TokenAccess | OwnAccess


def may_act(request: HTTPConnection, session: Session) -> bool:
    """Return whether an action of this session comes from our page, or from a program.

    A browser names the page that sends a request in ``Origin``; programs do not.
    """
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.url.netloc}"
    if origin is not None and not is_same(origin, own):
        return False
    return session.by_token or is_same(request.headers.get(CSRF_HEADER, ""), session.csrf)


def is_same(given: str, wanted: str) -> bool:
    """Return whether two texts are equal. The time tells neither where they differ nor a length."""
    left, right = (hashlib.sha256(text.encode("utf-8", "replace")) for text in (given, wanted))
    return hmac.compare_digest(left.digest(), right.digest())
