"""The pages: one shell for all views, the files of ``flowkit/page``, and the way in.

A view is made in the browser, by the module of its path, from what the API answers. So the shell is
the same for each path, and has nothing in it that anybody else has written.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from .access import Access, TokenAccess

VIEWS = (
    "/",
    "/runs/{run}",
    "/runs/{run}/task",
    "/runs/{run}/tasks/{task:path}",
    "/dags",
    "/dags/{name:path}",
    "/workers",
    "/queues",
    "/dead",
    "/system",
)


@cache
def page_folder() -> Path:
    """Return the folder of ``flowkit/page``."""
    with as_file(files("flowkit.page")) as folder:
        return folder


@cache
def _templates() -> Environment:
    loader = FileSystemLoader(page_folder() / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined)


@cache
def _digest() -> str:
    """Return a digest of all static files, which is part of their addresses."""
    digest = hashlib.sha256()
    for file in sorted((page_folder() / "static").rglob("*.*")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


class _Files(StaticFiles):
    """Files that browsers keep: another content has another address."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


class Pages:
    """The routes of the pages. ``access`` tells who gets the shell, and who the way in."""

    def __init__(self, access: Access, version: str) -> None:
        self._access = access
        self._version = version

    def routes(self) -> list[BaseRoute]:
        """Return all routes that are not of the API."""
        static = _Files(directory=page_folder() / "static", follow_symlink=False)
        entry = [Route("/login", self._login, methods=["POST"])]
        return [
            Mount(f"/static/{_digest()}", static),
            *entry,
            *(Route(path, self._shell) for path in VIEWS),
        ]

    async def _shell(self, request: Request) -> Response:
        access = self._access
        if access.session_of(request) is not None:
            return self._page("shell.html", request)
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
        values |= {"root": root, "static": f"{root}/static/{_digest()}", "version": self._version}
        return HTMLResponse(_templates().get_template(name).render(**values), status)


def _let_in(access: TokenAccess, response: Response) -> Response:
    key = access.open_session()
    response.set_cookie(access.cookie, key, httponly=True, samesite="strict", path="/")
    return response
