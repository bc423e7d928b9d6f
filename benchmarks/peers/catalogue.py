"""The peers: what is installed for each, what it is given, and what it cannot do.

The settings are each one's best known for two processes on one machine, tried by hand; the
documentation shows them as they stand here. A size of a peer's own is there because the usual one
would take minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Peer:
    """``pins``: none for what runs in this environment. ``cannot``: workload → why."""

    title: str
    settings: str
    fan_in: str
    pins: tuple[str, ...] = ()
    cannot: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Of the peer itself; empty for what is of this tree."""
        return self.pins[0].partition("==")[2] if self.pins else ""


NO_DAG = {"layered": "no DAG"}
NO_REDIS = {"memory": "keeps nothing in Redis"}

PEERS = {
    "flowkit": Peer("flowkit", "", ""),
    "ceiling": Peer("by hand", "", ""),
    "celery": Peer("Celery", "", "", ("celery[redis]==5.7.0", "gevent"), NO_DAG),
    "dramatiq": Peer("Dramatiq", "", "", ("dramatiq[redis]==2.2.1",), NO_DAG),
    "rq": Peer("RQ", "", "", ("rq==3.0.0",)),
    "huey": Peer("Huey", "", "", ("huey==3.5.4",), NO_DAG),
    "arq": Peer("arq", "", "", ("arq==0.28.0",), NO_DAG),
    "saq": Peer("SAQ", "", "", ("saq==0.26.4",), NO_DAG),
    "taskiq": Peer("taskiq", "", "", ("taskiq==0.13.0",), NO_DAG),
    "streaq": Peer("streaq", "", "", ("streaq==7.2.0",)),
    "docket": Peer("docket", "", "", ("pydocket==0.27.0",), NO_DAG),
    "dask": Peer("Dask", "", "", ("distributed==2026.8.0",), NO_REDIS),
    "prefect": Peer("Prefect", "", "", ("prefect==3.9.1",), NO_REDIS),
}
