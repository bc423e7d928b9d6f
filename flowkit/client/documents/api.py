"""The documents that only the API of the dashboard answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import Damaged, Document
from .queues import Queues


@dataclass(frozen=True, kw_only=True)
class ErrorAnswer(Document):
    """Why the API of the dashboard has refused a request."""

    SCHEMA: ClassVar[str] = "flowkit/error/1"
    type: Annotated[str, "The class of the error."]
    message: Annotated[str, "What is wrong, and what to do."]
    parameter: Annotated[str | None, "The run parameter that it is about, null for none."] = None


@dataclass(frozen=True, kw_only=True)
class SessionAnswer(Document):
    """Who is logged in to the dashboard, and what they may do."""

    SCHEMA: ClassVar[str] = "flowkit/session/1"
    name: Annotated[str, "The name of who is logged in, or empty."]
    csrf: Annotated[str, "What each action has to carry in the header X-Flowkit-CSRF."]
    acts: Annotated[bool, "Whether there are actions; false if the dashboard is read-only."]
    logs_out: Annotated[bool, "Whether there is a session that can be ended, by DELETE /session."]


@dataclass(frozen=True, kw_only=True)
class QueueDepths(Queues):
    """The queues, and how many tasks waited in those with most while the page was watching."""

    SCHEMA: ClassVar[str] = "flowkit/queue-depths/1"
    times: Annotated[list[float], "When the depths were read: seconds since 1970, oldest first."]
    depths: Annotated[dict[str, list[int | None]], "Waiting tasks by queue, one for each time."]


@dataclass(frozen=True, kw_only=True)
class Acted(Document):
    """What an action on several runs has done."""

    SCHEMA: ClassVar[str] = "flowkit/acted/1"
    runs: Annotated[list[str], "The runs that it has changed."]
    refused: Annotated[list[Damaged], "The runs that it could not change, and why."]
