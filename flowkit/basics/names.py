"""The form of names that settings, URLs and keys share."""

from __future__ import annotations

import re

NAMESPACE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")  # in a URL, the fragment names it
