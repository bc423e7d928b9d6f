"""The access rules that docs/howto/secure-redis.md gives to a user of each role.

Worked out from the code: what the modules of a role send, by themselves and in their scripts. So a
script that uses one more command gets it onto the page by itself.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from flowkit.protocol import keys
from flowkit.protocol.scripts import script

PROTOCOL = Path(keys.__file__).parent
# What redis-py and the Link send for everybody: the connection gets a name, scripts are run, and
# the server is asked what it is.
FOR_ALL = {"client|setname", "eval", "evalsha", "info"}
# Role → the modules that read and call scripts for it.
MODULES = {
    "client": ("store", "client_store", "feed"),
    "scheduler": ("store", "scheduler_store"),
    "worker": ("store", "worker_store"),
    "state": ("state_store",),
}
KEYS = {"state": "~{flowkit}: ~{flowkit}:state:*"}
ALL_KEYS = "~{flowkit}:* &{flowkit}:*"
# The shared store reads for all; that it looks for live workers is for clients alone.
FOR_CLIENTS_ALONE = {"ZRANGEBYSCORE"}
# Words in capitals that are no commands.
NO_COMMANDS = {"LIMIT", "COUNT", "BLOCK", "STREAMS", "WITHSCORES", "MINID", "MAXLEN", "FENCED"}
_CALL = re.compile(r'(?:call|send_command)\(\s*"([A-Z]+)"|\("([A-Z]{3,})",')
_SCRIPT = re.compile(r'_(?:script|scripts|fenced)\(\s*"(\w+)"')
_COMMENT, _REPLY = re.compile(r"--[^\n]*"), re.compile(r"(return|reply =) \{'[A-Z]+'")


def acl_rules() -> str:
    """Return the lines that make a user of each role."""
    return "```text\n" + "\n\n".join(map(_rule, MODULES)) + "\n\nACL SETUSER default off\n```"


def sent(role: str) -> set[str]:
    """Return the commands that the code of a role sends, in small letters."""
    found: set[str] = set()
    for module in MODULES[role]:
        text = (PROTOCOL / f"{module}.py").read_text()
        words = {one or other for one, other in _CALL.findall(text)}
        if module == "store" and role != "client":
            words -= FOR_CLIENTS_ALONE
        found |= words.union(*map(_in_script, _SCRIPT.findall(text)))
    return {word.lower() for word in found - NO_COMMANDS} | FOR_ALL


def _in_script(name: str) -> set[str]:
    """Return the words in capitals of a script, but for those that it replies."""
    text = _REPLY.sub("", _COMMENT.sub("", script(name).text))
    return set(re.findall(r"'([A-Z]{3,})'", text))


def _rule(role: str) -> str:
    commands = sorted(sent(role), key=lambda word: (word not in FOR_ALL, word))
    lines = textwrap.wrap(" ".join(f"+{word}" for word in commands), 100)
    head = f"ACL SETUSER flowkit-{role} on >{role.upper()}-PASSWORD resetchannels"
    return " \\\n    ".join([f"{head} {KEYS.get(role, ALL_KEYS)}", *lines])
