"""The documents that only the API of the dashboard answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import Document


@dataclass(frozen=True, kw_only=True)
class ErrorAnswer(Document):
    """Why the API of the dashboard has refused a request."""

    SCHEMA: ClassVar[str] = "flowkit/error/1"
    type: Annotated[str, "The class of the error."]
    message: Annotated[str, "What is wrong, and what to do."]


@dataclass(frozen=True, kw_only=True)
class SessionAnswer(Document):
    """Who is logged in to the dashboard, and what they may do."""

    SCHEMA: ClassVar[str] = "flowkit/session/1"
    name: Annotated[str, "The name of who is logged in, or empty."]
    csrf: Annotated[str, "What each action has to carry in the header X-Flowkit-CSRF."]
    acts: Annotated[bool, "Whether there are actions; false if the dashboard is read-only."]
