"""The scripts that make pages stand in docs/ and import each other by their plain names."""

from __future__ import annotations

import sys

from pages import ROOT

sys.path.insert(0, str(ROOT / "docs"))
