"""Sizes for display. Parsing is in ``configuration.quantities``."""

from __future__ import annotations


def size_text(number: int) -> str:
    """Return a number of bytes, such as "1.5 MB"."""
    value, unit = float(number), "bytes"
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if value < 999.95 or unit == "TB":
            break
        value /= 1000
    return f"{number} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
