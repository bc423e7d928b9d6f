"""Why a Redis cannot be used at the moment, by its error, and what to do about it."""

from __future__ import annotations

import re

# Text in the error of redis-py → advice. The first match counts.
_ADVICE = (
    ("maxmemory", "Its memory is full: raise maxmemory, or keep runs for a shorter time"),
    ("MISCONF", "It cannot write its data to disk: check its log and the disk"),
    ("read only replica", "It is a replica: use the URL of the master, or of its sentinels"),
    ("READONLY", "It is a replica: use the URL of the master, or of its sentinels"),
    ("MASTERDOWN", "It is a replica without its master: use the URL of the master"),
    ("loading", "It is still loading its data: wait for it"),
    ("CLUSTERDOWN", "A part of its cluster is down: check 'redis-cli cluster info'"),
    ("NOREPLICAS", "It requires more replicas than it has: check its min-replicas-to-write"),
    (
        "certificate is not valid for",
        "Its certificate names another host: use a name of the certificate in the URL",
    ),
    (
        "certificate verify failed",
        "Its certificate is not signed by a trusted authority: name the right one in the URL, "
        "with ?ssl_ca_certs=FILE",
    ),
    ("WRONG_VERSION_NUMBER", "It does not speak TLS: write redis:// for rediss://"),
    ("record layer failure", "It does not speak TLS: write redis:// for rediss://"),
    ("BUSY ", "It is busy with a slow script: check 'redis-cli slowlog get'"),
)
_UNREACHED = "Is it running, and is the URL right?"
# Where an embedded store listens: embedded/address.py.
_EMBEDDED = re.compile(r"unix://[^?]*/flowkit-[^/?]+/redis\.sock")
_ENDED = (
    "This is the store of a 'flowkit dev' that has ended. Start it again, and export the URL that "
    "it prints."
)


def cause_of(error: Exception) -> str:
    """Return the cause of an error as a word, "" if Redis is unreachable or has just started."""
    text = str(error)
    word = next((words for words, _ in _ADVICE if words in text), "")
    return "" if word == "loading" else word


def advice_for(error: Exception, url: str) -> str:
    """Return the advice for an error as a sentence. ``url``: of the Redis that cannot be used."""
    text = str(error)
    sentence = next((f"{advice}." for words, advice in _ADVICE if words in text), None)
    return sentence or (_ENDED if _EMBEDDED.match(url) else _UNREACHED)
