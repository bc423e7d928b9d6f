"""What a program installs in ``logging`` may raise: flowkit's lines are written all the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from flowkit import DAG, configure_logging, task
from flowkit.logging import FlowkitLogger
from flowkit.logging import records as log_records


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, factory = logging.getLogger(), logging.getLogRecordFactory()
    handlers = list(root.handlers)
    log_records._reported.clear()
    yield
    root.handlers[:] = handlers
    logging.setLogRecordFactory(factory)
    configure_logging()


class ToServer(logging.Handler):
    """A handler whose server is away."""

    error: BaseException = ConnectionError("log server is away")

    def emit(self, record: logging.LogRecord) -> None:
        raise self.error


def with_context(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """A factory that sets attributes which flowkit sets too."""
    record = logging.LogRecord(*args, **kwargs)
    record.context, record.event, record.fields = {"request": "r-1"}, "mine", None
    return record


def raising(*args: Any, **kwargs: Any) -> logging.LogRecord:
    raise LookupError("no request")


@pytest.mark.parametrize("error", [ConnectionError("log server is away"), SystemExit(1)])
def test_a_handler_that_raises_is_reported_once_and_the_lines_are_written(
    capfd: pytest.CaptureFixture[str], error: BaseException
) -> None:
    handler = ToServer()
    handler.error = error
    logger = FlowkitLogger("flowkit", json_output=True)
    logger.logger.handlers.insert(0, handler)  # before flowkit's own
    try:
        logger.log_task_failure("charge_card", "out of paper")
        logger.log_task_failure("charge_card", "out of ink")
    finally:
        logger.logger.removeHandler(handler)
    out, err = capfd.readouterr()
    assert [out.count(f'"error_message": "out of {what}"') for what in ("paper", "ink")] == [1, 1]
    assert err.count(f"raised {type(error).__name__}") == 1
    assert "handleError()" in err


def test_ctrl_c_in_a_handler_reaches_the_user() -> None:
    handler = ToServer()
    handler.error = KeyboardInterrupt()
    logging.getLogger().addHandler(handler)
    with pytest.raises(KeyboardInterrupt):
        FlowkitLogger("flowkit").log_task_failure("a", "b")


@pytest.mark.parametrize("factory", [with_context, raising])
def test_a_record_factory_cannot_break_a_line(
    capfd: pytest.CaptureFixture[str], factory: Any
) -> None:
    logging.setLogRecordFactory(factory)
    FlowkitLogger("flowkit", json_output=True).event(30, "redis_away", "Waiting", worker="w1")
    assert '"event": "redis_away", "worker": "w1"' in capfd.readouterr().out


def test_a_line_names_the_caller_of_the_logger() -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    logger = FlowkitLogger("flowkit")
    logger.event(30, "redis_away", "Waiting")
    logger.log_task_skip("a", "no reason")
    assert {(record.filename, record.funcName) for record in records} == {
        ("test_log_records.py", "test_a_line_names_the_caller_of_the_logger")
    }


def test_a_failing_handler_does_not_affect_runs_or_prints(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In a worker's child the attempt was made again and again, though retries=0."""
    logging.getLogger().addHandler(ToServer())
    configure_logging(capture_output=True)

    @task
    def talks() -> int:
        print("a line")
        print("and no end", end="")
        return 1

    dag = DAG("talks")
    dag.add(talks)
    logging.setLogRecordFactory(with_context)
    assert dag.run() == {"talks": 1}
    out = capfd.readouterr().out
    assert "talks: a line" in out
    assert "talks: and no end" in out
