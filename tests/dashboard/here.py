"""Where the dashboard of these tests is, and a browser that asks as the page does."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient
from starlette.types import ASGIApp

from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.endpoint import ROOT

BASE = "http://127.0.0.1:8420"


class Browser(TestClient):
    """A client with cookies. It asks the API below the path that the page keeps."""

    def __init__(self, app: ASGIApp, access: TokenAccess, **options: Any) -> None:
        super().__init__(app, **options)
        self.access = access

    def request(self, method: str, url: Any, **options: Any) -> Any:
        """Send a request."""
        if isinstance(url, str) and url.startswith(ROOT):
            url = self.access.private + url
        return super().request(method, url, **options)
