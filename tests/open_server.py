"""The embedded server with a back door, for tests that look at keys and seed them.

flowkit's own connections have names, and meet the gate of the product: so whatever a test has
flowkit do shows that the gate lets it through. A connection without a name, as tests open them with
redis-py, may send every command that fakeredis knows, and scripts of its own.
"""

from __future__ import annotations

import hashlib
from typing import Any

from fakeredis._helpers import SimpleError

from flowkit.embedded import EmbeddedServer
from flowkit.embedded.commands import ServerSession


class OpenClient(ServerSession):
    """A connection that may do everything as long as it has no name."""

    texts: dict[bytes, bytes] = {}  # noqa: RUF012 - of all servers, by digest

    @property
    def is_tests_own(self) -> bool:
        return not self._client_info.get("name")

    def _name_to_func(self, cmd_name: str) -> Any:
        if self.is_tests_own:
            return super(ServerSession, self)._name_to_func(cmd_name)
        return super()._name_to_func(cmd_name)

    def eval(self, script: bytes, numkeys: int, *keys_and_args: bytes) -> Any:
        """EVAL."""
        digest = hashlib.sha1(script, usedforsecurity=False).hexdigest().encode()
        self.texts[digest] = script
        return self.evalsha(digest, numkeys, *keys_and_args)

    def _script_text(self, digest: bytes) -> bytes:
        if self.is_tests_own and digest in self.texts:
            return self.texts[digest]
        if self.is_tests_own:
            try:
                return super()._script_text(digest)
            except SimpleError:
                raise SimpleError("NOSCRIPT No matching script. Please use EVAL.") from None
        return super()._script_text(digest)


class OpenServer(EmbeddedServer):
    """An embedded server whose connections are such."""

    _client_class = OpenClient
