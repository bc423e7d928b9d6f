"""The errors of the codec.

    CodecError
    ├── UnpackableValue   no codec preserves this value           (pack)
    ├── ValueTooLarge     the value exceeds the size limit        (pack)
    └── BrokenValue       the bytes are not a valid value         (unpack)

The library wraps these errors, which do not depend on tasks or runs. `Unfit` is internal: a codec
raises it for its own value, and the path search turns it into `UnpackableValue`.
"""

from __future__ import annotations


class CodecError(Exception):
    """The base of all errors of `pack` and `unpack`."""


class UnpackableValue(CodecError):
    """A value that cannot be stored without silently changing it.

    Attributes:
        path: where it is, e.g. ``result['rows'][3].owner``.
        type_name: its class, e.g. ``socket.socket``.
        reason: what is wrong, and what to return instead.
    """

    def __init__(self, path: str, type_name: str, reason: str) -> None:
        super().__init__(f"{path}: <class '{type_name}'> {reason}")
        self.path = path
        self.type_name = type_name
        self.reason = reason


class ValueTooLarge(CodecError):
    """A value whose packed form exceeds the limit.

    Attributes:
        path: the root of the value.
        size: packed size in bytes (a lower bound if it was not packed completely).
        limit: the limit in bytes.
        largest: path of its largest part; the root if no part outweighs the rest.
    """

    def __init__(
        self,
        path: str,
        size: int,
        limit: int,
        largest: str,
        largest_size: int,
        *,
        is_whole: bool = False,
    ) -> None:
        """``is_whole``: the largest part has no parts of its own, as a text or an array."""
        whose = "" if is_whole else "None of its parts is much larger than the others. "
        if largest != path:
            whose = f"Its largest part is {largest} ({human_size(largest_size)}). "
        super().__init__(
            f"{path} is too large to be stored: {human_size(size)}, and the limit is "
            f"{human_size(limit)}. {whose}"
            "Write it to a file or an object store and return its path, or raise the limit "
            "(FLOWKIT_MAX_RESULT_BYTES, for all clients and workers)."
        )
        self.path = path
        self.size = size
        self.limit = limit
        self.largest = largest


class BrokenValue(CodecError):
    """Bytes that are not a value that this process can rebuild."""


class Unfit(Exception):
    """One codec's refusal of one value: `reason` continues the sentence "<class …> …".

    `suffix` extends the path if the fault is in a part that the path search cannot reach (a column
    of a table, the tzinfo of a datetime).
    """

    def __init__(self, reason: str, suffix: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.suffix = suffix


def human_size(size: int) -> str:
    """Return a number of bytes in words: ``900 bytes``, ``64.0 MiB``, ``2.5 GiB``."""
    if size < 1024:
        return "1 byte" if size == 1 else f"{size} bytes"
    exponent = min((size.bit_length() - 1) // 10, 4)
    # Integer arithmetic, since an estimate may be too large for a float.
    tenths = size * 10 // 1024**exponent
    return f"{tenths // 10}.{tenths % 10} {('KiB', 'MiB', 'GiB', 'TiB')[exponent - 1]}"
