"""What users of other workflow systems write, and what flowkit calls it.

Only error messages use these words: none of them is an alias, so that a program has one word for
each thing. A word stands here if it is the usual one elsewhere and no similar flowkit word exists,
or if the most similar flowkit word means something else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

# Option of a task elsewhere → the option of ``@task``.
OPTIONS = {
    "retry_delay": "delay",
    "retry_delay_seconds": "delay",
    "default_retry_delay": "delay",
    "retry": "retries",
    "max_retries": "retries",
    "retry_backoff": "backoff",
    "retry_exponential_backoff": "backoff",
    "retry_backoff_max": "max_delay",
    "max_retry_delay": "max_delay",
    "autoretry_for": "retry_on",
    "retry_condition_fn": "retry_on",
    "execution_timeout": "timeout",
    "timeout_seconds": "timeout",
    "time_limit": "timeout",
    "soft_time_limit": "timeout",
    "trigger_rule": "trigger",
    "on_failure_callback": "on_failure",
    "priority_weight": "priority",
    "task_id": "name",
    "task_run_name": "name",
    "cache_expiration": "cache_ttl",
    "cache_key_fn": "cache_key",
    "condition": "when",
    "run_if": "when",
}

# Option of a DAG elsewhere → the option of ``DAG``.
DAG_OPTIONS = {
    "dag_id": "name",
    "max_active_tasks": "max_workers",
    "concurrency": "max_workers",
    "on_failure_callback": "hooks",
    "on_success_callback": "hooks",
    "on_completion": "hooks",
}

_RUN = (
    "A task runs as a part of a DAG: connect it with >>, and call dag.run() or Client.submit(dag)"
)
_SIGNATURE = "A task in a DAG gets its arguments from its upstream tasks and the run parameters"
_OPTIONS = "Give its options to @task(…); NAME.bind(…) makes another task with the same options"
_PARTS = "For an item task for each element of an upstream result, write NAME.map()"

# Attribute of a task elsewhere → what to do.
ATTRIBUTES = {
    "submit": _RUN,
    "apply_async": _RUN,
    "send": _RUN,
    "enqueue": _RUN,
    "s": _SIGNATURE,
    "si": _SIGNATURE,
    "signature": _SIGNATURE,
    "partial": _SIGNATURE,
    "starmap": _PARTS,
    "chunks": _PARTS,
    "expand": _PARTS,
    "expand_kwargs": _PARTS,
    "override": _OPTIONS,
    "options": _OPTIONS,
    "with_options": _OPTIONS,
    "set_upstream": "Write upstream >> NAME",
    "set_downstream": "Write NAME >> downstream",
}


class ForeignWords:
    """Answers what tasks have elsewhere. Type checkers do not see it: there, these are errors."""

    if not TYPE_CHECKING:

        def __getattr__(self, attribute):
            """Refuse an attribute that a task does not have. Raises AttributeError."""
            name = self.__dict__.get("name", "?")
            text = f"task {name!r} has no attribute {attribute!r}"
            if advice := ATTRIBUTES.get(attribute):
                text += f". {advice.replace('NAME', name)}."
            raise AttributeError(text, name=attribute, obj=self)

        def __lshift__(self, other):
            """Refuse an edge that is drawn backwards. Raises TypeError."""
            raise TypeError(_backwards(_shown(self), _shown(other)))

        def __rlshift__(self, other):
            """Refuse an edge that is drawn backwards. Raises TypeError."""
            raise TypeError(_backwards(_shown(other), _shown(self)))


_BETWEEN_LISTS = re.compile(
    r"unsupported operand type\(s\) for >>: '(list|tuple)' and '(list|tuple)'"
)


def advice_for(error: Exception) -> str:
    """Return what to write instead of what Python itself has refused, "" if nothing is known."""
    if isinstance(error, TypeError) and _BETWEEN_LISTS.fullmatch(str(error)):
        return (
            "Python does not ask flowkit about >> between two lists. To connect every pair, write "
            "`for task in [a, b]: task >> [c, d]`, or begin with a task: "
            "`start >> [a, b] >> [c, d]`"
        )
    return ""


def _backwards(left: str, right: str) -> str:
    return f"{left} << {right}: edges are drawn forwards. Write {right} >> {left}."


def _shown(end: object) -> str:
    if isinstance(end, list | tuple):
        return f"[{', '.join(map(_shown, end))}]"
    return str(end.__dict__["name"]) if isinstance(end, ForeignWords) else repr(end)
