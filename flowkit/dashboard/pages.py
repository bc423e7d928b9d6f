"""The pages: one shell for all views, the files of ``flowkit/page``, and the way in.

A view is made in the browser, by the module of its path, from what the API answers. So the shell is
the same for each path, and has nothing in it that anybody else has written.
"""

from __future__ import annotations

from functools import cache, partial
from urllib.parse import parse_qs, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from .access import Access, NoEntry, TokenAccess
from .sessions import Session
from .static_files import digest, modules_of, page_folder, serve_static, static_files

MOST_FORM = 4_000  # bytes
# The module of each view, as router.js has them.
VIEWS = {
    "/": "runs",
    "/runs/{run}": "run",
    "/runs/{run}/task": "task",
    "/runs/{run}/tasks/{task:path}": "task",
    "/dags": "dags",
    "/dags/{name:path}": "dag",
    "/workers": "workers",
    "/queues": "queues",
    "/dead": "dead",
    "/system": "system",
}
FIRST_TAB = "tasks"


@cache
def _templates() -> Environment:
    loader = FileSystemLoader(page_folder() / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined)


class Pages:
    """The routes of the pages. ``access`` tells who gets the shell, and who the way in."""

    def __init__(self, access: Access, version: str) -> None:
        self._access = access
        self._version = version

    def routes(self) -> list[BaseRoute]:
        """Return all routes that are not of the API."""
        return [
            Route(f"/static/{digest()}/{{path:path}}", serve_static),
            *(Route(path, partial(self._shell, view=view)) for path, view in VIEWS.items()),
            *(Route(path, self._log_in, methods=["POST"]) for path in VIEWS),
        ]

    async def _shell(self, request: Request, *, view: str) -> Response:
        access = self._access
        if access.may_see(request):
            modules = _modules(view, request.query_params.get("tab", FIRST_TAB))
            return self._page("shell.html", request, modules=modules)
        if isinstance(access, TokenAccess) and access.is_token(
            request.query_params.get("token", "")
        ):
            # Not a redirect: the cookie is sent only with requests that a page of ours makes.
            return self._let_in(access, request)
        return self._no_entry(request)

    async def unknown(self, request: Request) -> Response:
        """Answer for an address at which there is nothing: the page says so, and leads on."""
        if self._access.may_see(request):
            return self._page("shell.html", request, 404, modules=_modules("runs", FIRST_TAB))
        return self._no_entry(request)

    async def _log_in(self, request: Request) -> Response:
        """Answer the form of a page, which is sent to the address of this page."""
        access = self._access
        if not isinstance(access, TokenAccess) or not access.has_password:
            return self._no_entry(request)
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return self._no_entry(request, 403, "Type the password on this page.")
        try:
            if access.is_password(await _password_in(request)):
                return self._let_in(access, request)
        except NoEntry as error:
            return self._no_entry(request, error.status, str(error), error.wait)
        return self._no_entry(request, 401, "This is not the password.")

    def _let_in(self, access: TokenAccess, request: Request) -> Response:
        session = access.sessions.open()
        response = self._page("entry.html", request, private=access.private)
        set_cookies(access, request, response, session)
        return response

    def _no_entry(
        self, request: Request, status: int = 401, problem: str = "", wait: int = 0
    ) -> Response:
        query = [
            (key, value) for key, value in request.query_params.multi_items() if key != "token"
        ]
        response = self._page(
            "no_entry.html",
            request,
            status,
            is_own=not isinstance(self._access, TokenAccess),
            has_password=isinstance(self._access, TokenAccess) and self._access.has_password,
            problem=problem,
            here="?" + urlencode(query),
        )
        if wait:
            response.headers["Retry-After"] = str(wait)
        return response

    def _page(self, name: str, request: Request, status: int = 200, **values: object) -> Response:
        root = request.scope.get("root_path", "")
        values |= {"root": root, "static": f"{root}/static/{digest()}", "version": self._version}
        return HTMLResponse(_templates().get_template(name).render(**values), status)


async def _password_in(request: Request) -> str:
    """Return the password in the form of a request, "" if it has none. Strangers send it."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > MOST_FORM:
            raise NoEntry(413, "TooLarge", f"The form is larger than {MOST_FORM:,} bytes.")
    try:
        fields = parse_qs(data.decode("ascii"), max_num_fields=8)
    except ValueError:
        return ""
    return fields.get("password", [""])[0].strip()


def set_cookies(
    access: TokenAccess, request: Request, response: Response, session: Session | None
) -> None:
    """Give a browser the two cookies of a session; take them back if there is none."""
    root = request.scope.get("root_path", "").removesuffix(access.private)
    for name, value, path in (
        (access.view_cookie, session and session.view, f"{root}/"),
        (access.cookie, session and session.key, f"{root}{access.private}/"),
    ):
        response.set_cookie(
            name,
            value or "",
            max_age=None if session else 0,
            path=path,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )


def _modules(view: str, tab: str) -> tuple[str, ...]:
    """Return what a browser will ask for to show a view."""
    of_tab = f"tabs/{tab}.js"
    tabs = [of_tab] if view == "run" and of_tab in static_files() else []
    return modules_of("app.js", f"views/{view}.js", *tabs)
