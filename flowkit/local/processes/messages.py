"""What a parent and its children say to each other: packing calls, and reading the replies.

The first message to a child has what all calls share. A value that cannot be sent, in either
direction, fails its task, and the error names the value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from typing import Any

from ...basics.display_text import error_text
from ...basics.main_module import main_can_be_imported
from ...definition.call_plan import annotate
from ...definition.task import Task
from ...exceptions import IllegalValue, ParameterError, TaskExecutionError
from ...logging import get_logger
from ...logging.capture import is_capturing
from ..run_context import RunContext
from .errors import unpack_error
from .shipping import load_cargo
from .wire import BrokenCall, Call, Done, Hello, Raised, UnfitResult, class_names, pack, unpack


class ChildFailure(Exception):
    """An attempt failed with ``error``. ``retry``: whether to retry it; the task is not asked."""

    def __init__(self, error: BaseException, *, retry: bool) -> None:
        super().__init__(error, retry)
        self.error = error
        self.retry = retry


class Messages:
    """Packs and reads the messages of one run."""

    def __init__(self, context: RunContext) -> None:
        """Raises NotImportableError for a function that cannot be sent to a child."""
        self._context, self._dag_name = context, context.dag_name
        self._tasks, self._names = context.numbered.tasks, context.numbered.names
        self._cargo = load_cargo(context.dag_name, context.indexed.tasks)
        self._whole = not main_can_be_imported()
        self._other_run: tuple[str, dict[str, Any] | None] = ("", None)

    def for_run(self, context: RunContext) -> Messages:
        """Return the messages of another run of the same DAG, to the same children."""
        twin = copy(self)
        twin._context = context
        twin._tasks, twin._names = context.numbered.tasks, context.numbered.names
        twin._other_run = context.run_id, dict(context.params)
        return twin

    @property
    def functions(self) -> Mapping[Task, int]:
        """The numbers of the functions that children call, by base task."""
        return self._cargo.numbers

    def hello(self) -> bytes:
        """Return the first message to each child. Raises ParameterError."""
        context, params = self._context, dict(self._context.params)
        logger = get_logger()
        log = (logger.level, logger.json_output, is_capturing())
        hello = Hello(context.run_id, params, *log, self._cargo.refs)
        try:
            return pack(hello, whole=self._whole)
        except Exception as error:
            name = self._first_unsendable(params) or next(iter(params), "")
            raise ParameterError(
                f"DAG {self._dag_name!r}: the run parameter {name!r} cannot be sent to another "
                f"process ({error_text(error)}). Pass plain data, and let tasks build the rest.",
                name,
            ) from error

    def call(
        self,
        index: int,
        attempt: int,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        known: set[int],
    ) -> bytes:
        """Return the call of a task's function, whose number is added to ``known``.

        ``known``: the functions that the child has. Raises ChildFailure for a value that cannot
        be sent.
        """
        task, name = self._tasks[index], self._context.numbered.plain_name(index)
        number = self._cargo.number_of(task)
        code = None if number in known else self._cargo.code.get(number)
        comeback = self._context.comebacks.of(index)
        call = Call(number, code, name, attempt, args, dict(kwargs), comeback, *self._other_run)
        try:
            packed = pack(call, whole=self._whole)
        except Exception as error:
            raise ChildFailure(self._unsendable(index, args, kwargs, error), retry=False) from None
        known.add(number)
        return packed

    def _unsendable(
        self, index: int, args: Sequence[Any], kwargs: Mapping[str, Any], error: Exception
    ) -> IllegalValue:
        graph = self._context.indexed.graph
        results = {
            f"the result of task {graph.names[upstream]!r}": value
            for upstream, value in zip(graph.inputs(self._context.node(index)), args, strict=False)
        }
        named = {f"its argument {name!r}": value for name, value in kwargs.items()}
        if comeback := self._context.comebacks.of(index):
            named["what it kept with flowkit.again(memory=…)"] = comeback.memory
        what = self._first_unsendable({**results, **named}) or "one of its arguments"
        return IllegalValue(
            f"Task {self._names[index]!r} of DAG {self._dag_name!r}: {what} cannot be sent to "
            f"another process ({error_text(error)}). Use plain data, or run with executor='thread'."
        )

    def _first_unsendable(self, values: Mapping[str, object]) -> str | None:
        """Return the name of the first value that cannot be sent, None if all can."""
        for name, value in values.items():
            try:
                pack(value, whole=self._whole)
            except Exception:
                return name
        return None

    def read(self, index: int, answer: bytes) -> tuple[Any, float]:
        """Return the result in the reply to a call of that task, and the seconds that it took.

        Raises what the function raised, and ChildFailure for a result that cannot be read.
        """
        try:
            reply: Done | Raised | UnfitResult | BrokenCall = unpack(answer)
        except Exception as error:
            reply = BrokenCall(f"its result cannot be read back ({error_text(error)})")
        if isinstance(reply, Done):
            return reply.value, reply.seconds
        if isinstance(reply, Raised):
            raise _raised(self._names[index], self._tasks[index], reply)
        if isinstance(reply, UnfitResult):
            raise ChildFailure(reply.error, retry=False)
        problem = (
            f"Task {self._names[index]!r} of DAG {self._dag_name!r}: {reply.problem}. Use plain "
            "data and objects of classes that are defined in a module, or run with "
            "executor='thread'."
        )
        raise ChildFailure(IllegalValue(problem), retry=False)


def _raised(name: str, task: Task, reply: Raised) -> BaseException:
    """Return the exception of a task's function, or a substitute for it."""
    with suppress(Exception):  # some exceptions can only be unpacked in the child
        if reply.packed is not None:
            error = unpack_error(reply.packed)
            if reply.trace:
                annotate(error, f"In the task's process:\n\n{reply.trace.rstrip()}")
            return error
    substitute = TaskExecutionError(name, reply.kind, reply.message, reply.trace)
    retryable = any(name in reply.kinds for name in class_names(task.retry_on))
    return ChildFailure(substitute, retry=retryable)
