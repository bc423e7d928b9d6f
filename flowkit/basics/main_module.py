"""Whether another process can import what this program runs as ``__main__``."""

from __future__ import annotations

import os
import sys


def main_can_be_imported() -> bool:
    """Return whether children can import ``__main__``, since it is a script or a module.

    Notebooks, interactive sessions, ``python -c``, ``python -`` and the ``__main__`` of a package
    cannot be imported.
    """
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return not str(spec.name).endswith("__main__")
    return os.path.exists(getattr(main, "__file__", None) or "")
