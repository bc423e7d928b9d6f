"""The version of flowkit. ``flowkit.__version__`` and the built package take it from here.

It lies at the bottom, so that a module that names the version need not import the public package.
"""

from __future__ import annotations

VERSION = "0.1.0"
