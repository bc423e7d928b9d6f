"""Why a Redis cannot be used just now, by what it answered, and what to do about it."""

from __future__ import annotations

import re

# What stands in the error, as redis-py passes it on → what helps. The first that fits counts.
_ADVICE = (
    ("maxmemory", "Its memory is full: raise maxmemory, or keep runs for a shorter time"),
    ("MISCONF", "It cannot write its data to disk: look at its log, and at the disk"),
    ("read only replica", "It is a replica: use the URL of the master, or of its sentinels"),
    ("READONLY", "It is a replica: use the URL of the master, or of its sentinels"),
    ("MASTERDOWN", "It is a replica without its master: use the URL of the master"),
    ("loading", "It still loads its data: wait for it"),
    ("CLUSTERDOWN", "A part of its cluster is down: look at 'redis-cli cluster info'"),
    ("NOREPLICAS", "It wants more replicas than it has: see its min-replicas-to-write"),
    (
        "certificate is not valid for",
        "Its certificate names another host: write the URL with a name that it has",
    ),
    (
        "certificate verify failed",
        "No authority that is trusted here has signed its certificate: name the right one in the "
        "URL, with ?ssl_ca_certs=FILE",
    ),
    ("WRONG_VERSION_NUMBER", "It does not speak TLS: write redis:// for rediss://"),
    ("record layer failure", "It does not speak TLS: write redis:// for rediss://"),
    ("BUSY ", "It is busy with a script that takes long: look at 'redis-cli slowlog get'"),
)
_UNREACHED = "Is it running, and is the URL right?"
# Where an embedded store listens: embedded/address.py.
_EMBEDDED = re.compile(r"unix://[^?]*/flowkit-[^/?]+/redis\.sock")
_ENDED = (
    "This is the store of a 'flowkit dev' that has ended. Start it again, and export the URL that "
    "it prints."
)


def cause_of(error: Exception) -> str:
    """Return a word for why Redis cannot be used, "" if it is not reached or has just started."""
    text = str(error)
    word = next((words for words, _ in _ADVICE if words in text), "")
    return "" if word == "loading" else word


def advice_for(error: Exception, url: str) -> str:
    """Return a sentence that says what to do. ``url``: of the Redis that cannot be used."""
    text = str(error)
    found = next((f"{advice}." for words, advice in _ADVICE if words in text), None)
    return found or (_ENDED if _EMBEDDED.match(url) else _UNREACHED)
