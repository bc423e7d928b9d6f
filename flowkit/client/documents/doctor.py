"""The document of ``flowkit doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import Document


@dataclass(frozen=True, kw_only=True)
class FindingEntry:
    """What was found of one subject."""

    health: Annotated[str, "`ok`, `unknown`, `warning` or `problem`."]
    subject: Annotated[str, "What was checked."]
    text: Annotated[str, "What was found, and what it means."]
    advice: Annotated[str, "What to do, or empty."]
    shard: Annotated[str | None, "The position of the shard, null if there is only one."]


@dataclass(frozen=True, kw_only=True)
class Doctor(Document):
    """The findings about a system."""

    SCHEMA: ClassVar[str] = "flowkit/doctor/1"
    health: Annotated[str, "The worst of all: `ok`, `warning` or `problem`."]
    findings: Annotated[list[FindingEntry], "The findings."]
