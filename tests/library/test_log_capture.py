"""What tasks print and log, as lines of the log that know their run, task and attempt."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flowkit.logging as subject
from flowkit import DAG, Task, configure_logging, current_attempt, task
from flowkit.context import Attempt, attempt_scope
from flowkit.logging import AttemptFilter, LogLevel
from flowkit.logging import streams as streams
from flowkit.logging.capture import stop_capture
from flowkit.logging.streams import HELD, LONGEST_LINE, CapturedStream, end_lines

Capture = pytest.CaptureFixture[str]
MINE = logging.getLogger("mine")


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(subject, "_global_logger", None)
    loggers = [logging.getLogger(name) for name in ("", "flowkit", "mine")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    logging.getLogger("flowkit").handlers.clear()
    MINE.setLevel(logging.DEBUG)
    yield
    stop_capture()
    assert HELD == {}
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.disabled = False


def captured(level: LogLevel = LogLevel.INFO) -> None:
    configure_logging(level, json_output=True, capture_output=True)


def run(*tasks: Task[..., Any], **options: Any) -> dict[str, Any]:
    dag = DAG("dag")
    for each in tasks:
        dag.add(each)
    return dag.run(**options)


def lines(capsys: Capture, *events: str) -> list[dict[str, Any]]:
    """Return the log lines of these events; all that was printed must be log lines."""
    out, err = capsys.readouterr()
    assert err == ""
    parsed = [json.loads(line) for line in out.splitlines()]
    return [fields for fields in parsed if fields["event"] in (events or ("task_output",))]


def messages(capsys: Capture) -> list[str]:
    return [line["message"] for line in lines(capsys)]


def during_an_attempt(*words: str, name: str = "load", ends: bool = True) -> None:
    """Write these to standard output as the code of a task would."""
    with attempt_scope(Attempt("r1", name, 2, {})):
        for text in words:
            sys.stdout.write(text)
        if ends:
            end_lines()


# -- what tasks print -----------------------------------------------------------------------------


def test_a_line_that_a_task_prints_names_run_task_and_attempt(capsys: Capture) -> None:
    @task(retries=1, delay=0)
    def load() -> str:
        this = current_attempt()
        print("try", this.attempt)
        if this.attempt == 1:
            raise OSError("again")
        print("to the other", file=sys.stderr)
        return this.run_id

    captured()
    run_id = run(load)["load"]
    own = ("timestamp", "level", "event")
    messages = [{k: line[k] for k in line if k not in own} for line in lines(capsys)]
    same = {"run_id": run_id, "task_name": "load"}
    assert messages == [
        {"message": "try 1", **same, "attempt": 1, "stream": "stdout"},
        {"message": "try 2", **same, "attempt": 2, "stream": "stdout"},
        {"message": "to the other", **same, "attempt": 2, "stream": "stderr"},
    ]


def test_the_text_form_starts_with_the_task(capsys: Capture) -> None:
    configure_logging(capture_output=True)
    with attempt_scope(Attempt("r1", "load", 2, {})):
        print("half way")
        MINE.warning("bad row")
    output, logged = capsys.readouterr().out.splitlines()
    assert output.endswith(" INFO    load: half way run_id=r1 attempt=2")
    assert logged.endswith(" WARNING load: bad row run_id=r1 attempt=2 logger=mine")


def test_outside_of_attempts_output_passes_untouched(capsys: Capture) -> None:
    @task
    def starts_a_thread() -> None:
        thread = threading.Thread(target=print, args=("of a thread",))
        thread.start()
        thread.join()

    captured(LogLevel.ERROR)
    print("before", end="")
    run(starts_a_thread)
    print("err", file=sys.stderr)
    assert capsys.readouterr() == ("beforeof a thread\n", "err\n")


def test_no_level_of_the_log_silences_print(capsys: Capture) -> None:
    captured(LogLevel.ERROR)
    during_an_attempt("said\n")
    assert messages(capsys) == ["said"]


def test_unterminated_output_appears_before_its_task_ends(capsys: Capture) -> None:
    @task
    def load() -> None:
        print("reading … ", end="")
        raise ValueError("no rows")

    captured()
    with pytest.raises(ValueError, match="no rows"):
        run(load)
    messages = lines(capsys, "task_output", "task_failure")
    assert [line["message"] for line in messages] == [
        "reading … ",
        "Task failed: load (ValueError: no rows)",
    ]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (["a", "b", "\n"], ["ab"]),
        (["a\nb\n\n\nc"], ["a", "b", "c"]),
        (["a\r\n", "b\r", "\n"], ["a", "b"]),
        (["\r10 %", "\r20 %", "\r30 %"], ["30 %"]),
        (["", "\n"], []),
        (["x" * (2 * LONGEST_LINE + 1)], ["x" * LONGEST_LINE, "x" * LONGEST_LINE, "x"]),
        (["\r0123456789" * LONGEST_LINE, "\n"], ["0123456789"]),
    ],
)
def test_a_line_is_what_a_terminal_would_show(
    written: list[str], told: list[str], capsys: Capture
) -> None:
    captured()
    during_an_attempt(*written)
    assert messages(capsys) == told


def test_a_line_without_end_is_cut_and_nothing_is_lost(capsys: Capture) -> None:
    captured()
    during_an_attempt(*(f"{number} " for number in range(20_000)), ends=False)
    pieces = messages(capsys)
    assert {len(piece) for piece in pieces} == {LONGEST_LINE}
    with attempt_scope(Attempt("r1", "load", 2, {})):
        end_lines()
    assert "".join(pieces + messages(capsys)) == "".join(f"{n} " for n in range(20_000))


def test_lines_of_many_tasks_and_threads_never_mix(capsys: Capture) -> None:
    @task
    def talks(number: int) -> None:
        for part in range(50):
            sys.stdout.write(f"{number}")
            sys.stdout.write(f"-{part}\n")

    @task
    async def talks_too(number: int) -> None:
        def aside() -> None:
            for part in range(50):
                print(number, part, sep="-")

        sys.stdout.write("held ")
        await asyncio.gather(*(asyncio.to_thread(aside) for _ in range(2)))
        print("ends")

    captured()
    plain = [talks.bind(f"t{number}", number=number) for number in range(8)]
    run(*plain, *(talks_too.bind(f"a{number}", number=number) for number in range(8)))
    messages = sorted((line["task_name"], line["message"]) for line in lines(capsys))
    wanted = [(f"t{n}", f"{n}-{part}") for n in range(8) for part in range(50)]
    wanted += 2 * [(f"a{n}", f"{n}-{part}") for n in range(8) for part in range(50)]
    assert messages == sorted(wanted + [(f"a{n}", "held ends") for n in range(8)])


def test_late_output_of_an_attempt_appears_at_the_end(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody ends a line for a thread that outlives its attempt, so memory needs a bound."""
    monkeypatch.setattr(streams, "MOST_HELD", 2)
    captured()
    for name in "abcd":
        during_an_attempt(f"of {name}", name=name, ends=False)
    messages = [(item["task_name"], item["message"]) for item in lines(capsys)]
    assert messages == [("a", "of a"), ("b", "of b")]
    configure_logging()
    assert [line.split(" INFO    ")[1] for line in capsys.readouterr().out.splitlines()] == [
        f"{name}: of {name} run_id=r1 attempt=2" for name in "cd"
    ]


# -- the stream that stands in for standard output ------------------------------------------------


def test_other_attributes_are_those_of_the_underlying_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdout", file)
        captured()
        assert isinstance(sys.stdout, CapturedStream)
        assert sys.stdout.fileno() == file.fileno()
        assert (sys.stdout.isatty(), sys.stdout.encoding) == (False, "utf-8")
        assert sys.stdout.buffer is file.buffer
        with attempt_scope(Attempt("r1", "load", 1, {})):
            sys.stdout.writelines(["one\n", "two\n"])
            with pytest.raises(TypeError, match="must be str, not bytes"):
                sys.stdout.write(b"bytes")  # type: ignore[arg-type]
        stop_capture()
        assert sys.stdout is file
    messages = [json.loads(line)["message"] for line in (tmp_path / "out").read_text().splitlines()]
    assert messages == ["one", "two"]


def test_a_replaced_standard_output_gets_the_output(capsys: Capture) -> None:
    captured()
    own = io.StringIO()
    with attempt_scope(Attempt("r1", "load", 1, {})), contextlib.redirect_stdout(own):
        print("for myself")
    assert own.getvalue() == "for myself\n"
    assert messages(capsys) == []


def test_a_wrapper_of_the_stream_stays_and_keeps_working(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrapper:
        def __init__(self, beneath: Any) -> None:
            self.beneath = beneath

        def write(self, text: str) -> int:
            return int(self.beneath.write(text))

        def flush(self) -> None:
            self.beneath.flush()

    captured()
    wrapper = Wrapper(sys.stdout)
    monkeypatch.setattr(sys, "stdout", wrapper)
    during_an_attempt("one\n")
    captured()  # captures what comes to the wrapper
    during_an_attempt("two\n")
    assert messages(capsys) == ["one", "two"]
    configure_logging()
    assert sys.stdout is wrapper
    during_an_attempt("as it is\n")
    assert capsys.readouterr().out == "as it is\n"


def test_a_handler_that_prints_does_not_loop(capsys: Capture) -> None:
    class Loud(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print("handled", record.getMessage())

    captured()
    logging.getLogger("flowkit").addHandler(Loud())
    during_an_attempt("said\n")
    event, handled = capsys.readouterr().out.splitlines()
    assert json.loads(event)["message"] == "said"
    assert handled == "handled said"


def test_a_logger_that_was_disabled_loses_no_output(capsys: Capture) -> None:
    """``logging.config.dictConfig`` disables the loggers that it is not told of."""
    captured()
    logging.getLogger("flowkit").disabled = True
    during_an_attempt("said\n")
    assert capsys.readouterr().out == "said\n"


# -- what tasks log -------------------------------------------------------------------------------


def test_a_record_of_other_code_becomes_an_event(capsys: Capture) -> None:
    @task
    def load() -> None:
        MINE.debug("too fine")
        MINE.info("row %d of %s", 3, "x", extra={"rows": 7, "event": "mine"})
        try:
            raise KeyError("gone")
        except KeyError:
            MINE.exception("trouble")

    captured()
    MINE.warning("outside, for the handlers that there are")
    run(load)
    info, error = lines(capsys, "task_log")
    assert (info["level"], info["logger"], info["message"]) == ("INFO", "mine", "row 3 of x")
    assert (info["task_name"], info["attempt"], info["rows"]) == ("load", 1, 7)
    assert info["context_event"] == "mine"
    assert (error["level"], error["message"]) == ("ERROR", "trouble")
    assert error["traceback"].endswith("KeyError: 'gone'")


def test_an_unformattable_record_is_still_logged(capsys: Capture) -> None:
    logging.getLogger().handlers.clear()  # pytest's own would raise
    captured()
    with attempt_scope(Attempt("r1", "load", 1, {})):
        MINE.error("%d rows", "no")
    assert [line["message"] for line in lines(capsys, "task_log")] == ["%d rows ('no',)"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("where", ["", "mine"])
def test_a_handler_on_a_standard_stream_logs_once(when: str, where: str, capsys: Capture) -> None:
    def own_handler() -> None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setLevel(logging.WARNING)
        logging.getLogger(where).addHandler(handler)

    if when == "before":
        own_handler()
        captured()
    else:
        captured()
        own_handler()
        with attempt_scope(Attempt("r1", "first", 1, {})):
            MINE.warning("seen for the first time")
        capsys.readouterr()
    MINE.warning("outside")
    with attempt_scope(Attempt("r1", "load", 1, {})):
        MINE.info("not what the handler takes")
        MINE.warning("inside")
    out, err = capsys.readouterr()
    assert err == "outside\n"
    assert [json.loads(line)["message"] for line in out.splitlines()] == ["inside"]


def test_the_events_of_flowkit_are_not_written_again_by_such_a_handler(capsys: Capture) -> None:
    @task
    def quiet() -> None: ...

    logging.getLogger().addHandler(logging.StreamHandler(sys.stderr))
    captured()
    run(quiet)
    events = ("dag_start", "task_start", "task_success", "dag_complete")
    assert [line["event"] for line in lines(capsys, *events)] == list(events)


def test_handlers_that_write_elsewhere_get_each_record_once(capsys: Capture) -> None:
    elsewhere = io.StringIO()
    logging.getLogger().addHandler(logging.StreamHandler(elsewhere))
    captured()
    with attempt_scope(Attempt("r1", "load", 1, {})):
        MINE.warning("bad row")
    assert elsewhere.getvalue() == "bad row\n"
    assert [line["message"] for line in lines(capsys, "task_log")] == ["bad row"]


# -- off again ------------------------------------------------------------------------------------


def test_configuring_without_it_undoes_everything(capsys: Capture) -> None:
    own = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(own)
    before = (sys.stdout, sys.stderr, list(logging.getLogger().handlers))
    captured()
    assert (sys.stdout, sys.stderr) != before[:2]
    configure_logging()
    assert (sys.stdout, sys.stderr, list(logging.getLogger().handlers)) == before
    assert own.filters == []
    with attempt_scope(Attempt("r1", "load", 1, {})):
        print("as it is")
        MINE.warning("as well")
    assert capsys.readouterr() == ("as it is\n", "as well\n")


# -- in its own process, where nobody has set up logging -------------------------------------

PROGRAM = """
import logging, os, sys
from flowkit import DAG, configure_logging, task

log = logging.getLogger("mine")

@task
def load():
    log.info("inside")
    print("in two ", end="")
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        print("copies")
        os._exit(0)
    os.waitpid(pid, 0)
    print("processes")

with DAG("dag") as dag:
    dag.add(load)

configure_logging("WARNING" if "quiet" in sys.argv else "INFO", capture_output=True)
log.info("nobody takes this")
log.warning("outside")
dag.run()
configure_logging("WARNING")
log.info("nor this")
"""


def program(*words: str) -> tuple[list[str], str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    messages = [line.partition(" run_id=")[0][24:] for line in done.stdout.splitlines()]
    return [line for line in messages if "load: " in line and "Task" not in line], done.stderr


@pytest.mark.slow
def test_without_logging_setup_the_level_of_the_log_applies() -> None:
    said = ["INFO    load: copies", "INFO    load: in two processes"]
    assert program() == (["INFO    load: inside", *said], "outside\n")
    assert program("quiet") == (said, "outside\n")


IN_PROCESSES = """
from flowkit import DAG, configure_logging, task

@task
def load():
    print("a line")
    print("the rest", end="")

with DAG("dag") as dag:
    dag.add(load)

if __name__ == "__main__":
    configure_logging("WARNING", capture_output=True)
    dag.run(executor="process")
"""


@pytest.mark.slow
def test_processes_of_the_process_executor_log_like_their_parent(tmp_path: Path) -> None:
    path = tmp_path / "in_processes.py"
    path.write_text(IN_PROCESSES)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    messages = [line.partition(" run_id=")[0][24:] for line in done.stdout.splitlines()]
    assert messages == ["INFO    load: a line", "INFO    load: the rest"]


# -- for formatters of one's own ------------------------------------------------------------------


@pytest.mark.parametrize("with_capture", [True, False])
def test_a_formatter_of_one_s_own_can_name_the_attempt(with_capture: bool) -> None:
    @task
    def load() -> None:
        MINE.warning("bad row")

    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(task_name)s %(attempt)d %(run_id).3s %(message)s"))
    handler.addFilter(AttemptFilter())
    logging.getLogger().addHandler(handler)
    log = configure_logging(capture_output=with_capture)
    MINE.warning("outside")
    log.event(LogLevel.WARNING, "mine", "an event", run_id="r9", task_name="other")
    run(load)
    messages = written.getvalue().splitlines()
    assert messages[:2] == [" 0  outside", "other 0 r9 an event"]
    run_id = messages[2].split()[1]
    assert messages[2].startswith(" 0 ")
    assert f"load 1 {run_id} bad row" in messages
    assert any(line.startswith(f"load 1 {run_id} Task succeeded: load") for line in messages)
