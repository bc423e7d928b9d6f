"""The pages: one shell for all views, the files of ``flowkit/page``, and the way in.

A view is made in the browser, by the module of its path, from what the API answers. So the shell is
the same for each path, and has nothing in it that anybody else has written.
"""

from __future__ import annotations

from functools import cache, partial

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from .access import Access, TokenAccess
from .static_files import digest, modules_of, page_folder, serve_static, static_files

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
        entry = [Route("/login", self._login, methods=["POST"])]
        return [
            Route(f"/static/{digest()}/{{path:path}}", serve_static),
            *entry,
            *(Route(path, partial(self._shell, view=view)) for path, view in VIEWS.items()),
        ]

    async def _shell(self, request: Request, *, view: str) -> Response:
        access = self._access
        if access.session_of(request) is not None:
            modules = _modules(view, request.query_params.get("tab", FIRST_TAB))
            return self._page("shell.html", request, modules=modules)
        if not isinstance(access, TokenAccess):
            return self._page("no_entry.html", request, 401, has_password=False, wrong=False)
        if access.is_token(request.query_params.get("token", "")):
            # Not a redirect: the cookie is sent only with requests that a page of ours makes.
            return _let_in(access, self._page("entry.html", request))
        return self._page(
            "no_entry.html", request, 401, has_password=access.has_password, wrong=False
        )

    async def _login(self, request: Request) -> Response:
        access = self._access
        if not isinstance(access, TokenAccess) or not access.has_password:
            return self._page("no_entry.html", request, 401, has_password=False, wrong=False)
        async with request.form(max_files=0, max_fields=1) as form:
            given = form.get("password", "")
        if isinstance(given, str) and access.is_password(given):
            root = request.scope.get("root_path", "") + "/"
            return _let_in(access, RedirectResponse(root, 303))
        return self._page("no_entry.html", request, 401, has_password=True, wrong=True)

    def _page(self, name: str, request: Request, status: int = 200, **values: object) -> Response:
        root = request.scope.get("root_path", "")
        values |= {"root": root, "static": f"{root}/static/{digest()}", "version": self._version}
        return HTMLResponse(_templates().get_template(name).render(**values), status)


def _modules(view: str, tab: str) -> tuple[str, ...]:
    """Return what a browser will ask for to show a view."""
    of_tab = f"tabs/{tab}.js"
    tabs = [of_tab] if view == "run" and of_tab in static_files() else []
    return modules_of("app.js", f"views/{view}.js", *tabs)


def _let_in(access: TokenAccess, response: Response) -> Response:
    key = access.open_session()
    response.set_cookie(access.cookie, key, httponly=True, samesite="strict", path="/")
    return response
