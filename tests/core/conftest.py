"""Property tests are judged by what they find, never by how long a shared machine takes."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("flowkit", deadline=None)
settings.load_profile("flowkit")
