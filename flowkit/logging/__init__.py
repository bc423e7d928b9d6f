"""The life-cycle log of DAGs, runs and tasks, and the one logger that a program has by default.

``FlowkitLogger`` and its rules are in ``logger.py``. Only the global logger is kept here.
"""

from __future__ import annotations

import logging
import threading

from ..basics.log_level import LogLevel
from .capture import start_capture, stop_capture
from .kept_lines import KEPT, logs
from .logger import AttemptFilter, FlowkitLogger, last_level
from .output import has_own_handler, own_handler
from .task_lines import add_log_filter, remove_log_filter, set_sink

__all__ = [
    "AttemptFilter",
    "FlowkitLogger",
    "LogLevel",
    "add_log_filter",
    "configure_logging",
    "get_logger",
    "logs",
    "remove_log_filter",
]

_CONFIGURE_LOCK = threading.Lock()
# Programs set it to None to make get_logger() start again at INFO, so its name is stable.
_global_logger: FlowkitLogger | None = None


def configure_logging(
    level: LogLevel | int | str = LogLevel.INFO,
    json_output: bool = False,
    use_colors: bool | None = None,
    *,
    capture_output: bool = False,
) -> FlowkitLogger:
    """Set up the global logger and return it. The parameters are those of ``FlowkitLogger``.

    ``capture_output``: turn what tasks print, and what they log through the standard ``logging``
    module, into lines of this log that name run, task and attempt, and keep them for ``logs``. Set
    up your own logging before this call. A call without ``capture_output`` turns it off.
    """
    global _global_logger
    with _CONFIGURE_LOCK:
        logger = FlowkitLogger(level=level, json_output=json_output, use_colors=use_colors)
        _global_logger = logger
        if capture_output:
            start_capture(logger.logger, {}, records=True)
            set_sink(KEPT)
        else:
            stop_capture()
            set_sink(None)
        return logger


def get_logger() -> FlowkitLogger:
    """Return the global logger. Without ``configure_logging``, the first call makes one at INFO.

    If the program has already set a level or handlers on the standard logger ``flowkit``, they stay
    and no handler is added.
    """
    return _global_logger or _make_default()


def _make_default() -> FlowkitLogger:
    global _global_logger
    with _CONFIGURE_LOCK:
        if _global_logger is None:
            standard = logging.getLogger("flowkit")
            chosen = standard.level not in (logging.NOTSET, last_level("flowkit"))
            has_handlers = bool(standard.handlers) and not has_own_handler(standard)
            _global_logger = FlowkitLogger(level=standard.level if chosen else LogLevel.INFO)
            if has_handlers:
                standard.removeHandler(own_handler(standard))
        return _global_logger
